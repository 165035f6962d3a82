// The commands that look at models: inspect, tokenize, logits, perplexity, bench, hardware.
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/e2e/hearth_process.h"
#include "tests/support/test_data.h"
#include "tests/support/tiny_bert.h"
#include "tests/support/tiny_llama.h"

namespace hearth::testing {
namespace {

using nlohmann::json;

json parse_output(const Outcome& outcome) {
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  json object = json::parse(outcome.out, nullptr, false);
  EXPECT_TRUE(object.is_object()) << outcome.out;
  return object;
}

// The distribution after each token, against the fixture's own forward pass.
TEST(Logits, TinyModel_GivesTheProbabilitiesOfAFloat64Pass) {
  const TemporaryFolder folder;
  const std::string model = write_tiny_model(folder);
  const std::string out = (folder / "p.f32").string();
  const Outcome outcome = run_hearth({"logits", model, "--tokens", "1,5,9,260", "--out", out});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "");
  const std::vector<float> found = read_floats(out);
  const auto expected = TinyLlama(TinyLlamaShape{}, 1).probabilities(std::vector<int32_t>{1, 5, 9, 260});
  const size_t width = TinyLlama::kVocabularySize;
  ASSERT_EQ(found.size(), 4 * width);
  for (size_t row = 0; row < 4; ++row) {
    double divergence = 0.0;
    for (size_t i = 0; i < width; ++i) {
      const double p = expected[row][i];
      divergence += p * std::log(p / static_cast<double>(found[row * width + i]));
    }
    EXPECT_LT(divergence, 1e-4) << "row " << row;
  }
}

TEST(Logits, TokenOutsideTheVocabulary_FailsWithTheRange) {
  const TemporaryFolder folder;
  const Outcome outcome = run_hearth(
      {"logits", write_tiny_model(folder), "--tokens", "1,99999", "--out", (folder / "p").string()});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_CONTAINS(outcome.err, "99999");
  EXPECT_CONTAINS(outcome.err, "284");
}

TEST(Logits, TokensThatAreNoNumbers_AreAWrongCommandLine) {
  EXPECT_EQ(run_hearth({"logits", "m.gguf", "--tokens", "1,x", "--out", "p"}).exit_code, 2);
}

std::string write_tiny_encoder(const TemporaryFolder& folder) {
  const std::string path = (folder / "encoder.gguf").string();
  TinyBert({}, 1).gguf().write(path);
  return path;
}

// The pieces of a WordPiece vocabulary: a letter that begins a word, and one that continues it.
int32_t first_letter(char letter) {
  return 4 + letter - 'a';
}

int32_t next_letter(char letter) {
  return 4 + 26 + letter - 'a';
}

// Lines of output, each an array of numbers.
std::vector<std::vector<double>> parse_vectors(const Outcome& outcome) {
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  std::vector<std::vector<double>> vectors;
  std::istringstream lines(outcome.out);
  for (std::string line; std::getline(lines, line);) {
    const json array = json::parse(line, nullptr, false);
    EXPECT_TRUE(array.is_array()) << line;
    if (array.is_array()) vectors.push_back(array.get<std::vector<double>>());
  }
  return vectors;
}

TEST(Embed, Texts_GiveTheVectorsOfAFloat64Pass) {
  const TemporaryFolder folder;
  const std::string model = write_tiny_encoder(folder);
  const Outcome outcome = run_hearth({"embed", model, "ab c", "d"});
  const auto vectors = parse_vectors(outcome);
  ASSERT_EQ(vectors.size(), 2U);
  const TinyBert tiny({}, 1);
  const std::vector<std::vector<int32_t>> tokens{
      {TinyBert::kCls, first_letter('a'), next_letter('b'), first_letter('c'), TinyBert::kSep},
      {TinyBert::kCls, first_letter('d'), TinyBert::kSep}};
  for (size_t i = 0; i < 2; ++i) {
    const std::vector<double> expected = tiny.encode(tokens[i]);
    ASSERT_EQ(vectors[i].size(), expected.size());
    for (size_t j = 0; j < expected.size(); ++j) EXPECT_NEAR(vectors[i][j], expected[j], 2e-6);
  }
  EXPECT_EQ(run_hearth({"embed", model}, "ab c\nd\n").out, outcome.out) << "through a pipe";
  EXPECT_EQ(run_hearth({"embed", model, "--num-thread", "2"}, "ab c\r\nd").out, outcome.out);
}

TEST(Embed, TextsOfAnyForm_AreOneVectorEach) {
  const TemporaryFolder folder;
  const std::string model = write_tiny_encoder(folder);
  EXPECT_EQ(parse_vectors(run_hearth({"embed", model, "[a,b]", "", "{}"})).size(), 3U);
  EXPECT_EQ(parse_vectors(run_hearth({"embed", model, "--", "--json"})).size(), 1U);
  EXPECT_EQ(parse_vectors(run_hearth({"embed", model}, "a\n\nb\n")).size(), 3U) << "an empty line is a text";
  EXPECT_EQ(parse_vectors(run_hearth({"embed", model}, "")).size(), 0U);
  std::string many;
  for (int i = 0; i < 100; ++i) many += std::string(1, static_cast<char>('a' + i % 26)) + '\n';
  const auto vectors = parse_vectors(run_hearth({"embed", model}, many));
  ASSERT_EQ(vectors.size(), 100U);
  EXPECT_EQ(vectors[0], vectors[26]);
  EXPECT_NE(vectors[0], vectors[1]);
}

TEST(Embed, TooLongText_IsNamedWithTheNumbers) {
  const TemporaryFolder folder;
  std::string text;
  for (int i = 0; i < 127; ++i) text += "a ";
  text.pop_back();
  const Outcome outcome = run_hearth({"embed", write_tiny_encoder(folder), "a", text});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_EQ(outcome.out, "");
  for (const char* part : {"text 2", "129 tokens", "at most 128"}) EXPECT_CONTAINS(outcome.err, part);
}

TEST(Embed, ModelOfTheOtherKind_IsRefusedByBothCommands) {
  const TemporaryFolder folder;
  const Outcome decoder = run_hearth({"embed", write_tiny_model(folder), "a"});
  EXPECT_EQ(decoder.exit_code, 1);
  for (const char* part : {"'llama'", "writes text", "bert"}) EXPECT_CONTAINS(decoder.err, part);
  const std::string encoder = write_tiny_encoder(folder);
  for (const char* command : {"run", "bench"}) {
    const Outcome outcome = run_hearth({command, encoder}, "a");
    EXPECT_EQ(outcome.exit_code, 1) << command;
    EXPECT_CONTAINS(outcome.err, "'bert' is an encoder");
    EXPECT_CONTAINS(outcome.err, "hearth embed");
  }
}

TEST(Embed, WrongCommandLine_SaysSo) {
  EXPECT_EQ(run_hearth({"embed"}).exit_code, 2);
  EXPECT_EQ(run_hearth({"embed", "m.gguf", "--no-such"}).exit_code, 2);
  EXPECT_EQ(run_hearth({"embed", "/no/such.gguf", "a"}).exit_code, 1);
  EXPECT_CONTAINS(run_hearth({"help", "embed"}).out, "JSON array");
}

TEST(Inspect, Encoder_SaysWhatItsVectorsAre) {
  const TemporaryFolder folder;
  const std::string model = write_tiny_encoder(folder);
  const json object = parse_output(run_hearth({"inspect", model, "--json"}))["hearth"];
  EXPECT_EQ(object["runs"], true);
  EXPECT_EQ(object["encoder"], true);
  EXPECT_EQ(object["architecture_known"], true);
  EXPECT_EQ(object["kv_cache_bytes"], 0);
  EXPECT_EQ(object["context_tokens"], 128);
  EXPECT_GT(object["workspace_bytes"], 128 * 64 * 4 * 6);
  EXPECT_CONTAINS(run_hearth({"inspect", model}).out, "of 64 numbers, for texts of up to 128 tokens");
}

// Of a window shorter than the context, the cache holds what the window and a step reach.
TEST(Inspect, LayersWithAWindow_ReckonTheirKvCache) {
  const TemporaryFolder folder;
  GgufWriter writer = TinyLlama({.architecture = "gemma2", .context_tokens = 8000}, 1).gguf();
  writer.add_u32("gemma2.attention.sliding_window", 96);
  for (const char* layer : {"blk.0", "blk.1"}) {
    for (const char* name : {".post_attention_norm.weight", ".post_ffw_norm.weight"})
      writer.add_tensor(layer + std::string(name), {64}, std::vector<float>(64, 1.0F));
  }
  const std::string path = (folder / "gemma2.gguf").string();
  writer.write(path);
  const auto bytes = [&](const char* context) {
    return parse_output(
        run_hearth({"inspect", path, "--context", context, "--json"}))["hearth"]["kv_cache_bytes"];
  };
  constexpr int64_t kTokenBytes = 2 * (16 + 16) * 2;  // of a layer
  const int64_t windowed = ((96 - 3 + 64 + 512) / 32 + 1024 / 32) * 32;
  EXPECT_EQ(bytes("8000"), kTokenBytes * (8000 + windowed));
  EXPECT_EQ(bytes("90"), kTokenBytes * (90 + 90));
}

TEST(Tokenize, TextFileAndPipe_GiveTheSameIds) {
  const TemporaryFolder folder;
  const std::string model = write_tiny_model(folder);
  std::ofstream(folder / "text") << "hello";
  const Outcome outcome = run_hearth({"tokenize", model, "hello"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  std::istringstream ids(outcome.out);
  int count = 0;
  for (int id = 0; ids >> id; ++count) EXPECT_GE(id, 3);
  EXPECT_GE(count, 5);
  EXPECT_EQ(run_hearth({"tokenize", model}, "hello").out, outcome.out);
  EXPECT_EQ(run_hearth({"tokenize", model, "--file", (folder / "text").string()}).out, outcome.out);
}

TEST(Tokenize, Special_AddsBos) {
  const TemporaryFolder folder;
  const std::string model = write_tiny_model(folder);
  EXPECT_EQ(run_hearth({"tokenize", model, "hello", "--special"}).out,
            "1 " + run_hearth({"tokenize", model, "hello"}).out);
}

TEST(Tokenize, Json_HasIdsAndTexts) {
  const TemporaryFolder folder;
  const json object = parse_output(run_hearth({"tokenize", write_tiny_model(folder), "hello", "--json"}));
  EXPECT_EQ(object["ids"].size(), object["n_tokens"]);
  EXPECT_EQ(object["texts"].size(), object["n_tokens"]);
}

TEST(Inspect, TinyModel_ShowsTensorsAndThatItRuns) {
  const TemporaryFolder folder;
  const Outcome outcome = run_hearth({"inspect", write_tiny_model(folder)});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  for (const char* part : {"general.architecture", "token_embd.weight", "[285, 64]", "F32", "llama (known)",
                           "KV cache", "256 tokens"}) {
    EXPECT_CONTAINS(outcome.out, part);
  }
}

TEST(Inspect, Json_ReckonsTheMemory) {
  const TemporaryFolder folder;
  const std::string model = write_tiny_model(folder);
  const json object = parse_output(run_hearth({"inspect", model, "--context", "100", "--json"}));
  EXPECT_EQ(object["metadata"]["llama.block_count"], 2);
  EXPECT_EQ(object["size_bytes"], std::filesystem::file_size(model));
  uint64_t tensor_bytes = 0;
  for (const json& tensor : object["tensors"]) tensor_bytes += tensor["size_bytes"].get<uint64_t>();
  EXPECT_EQ(object["types"]["F32"]["size_bytes"], tensor_bytes);
  const json& hearth = object["hearth"];
  EXPECT_EQ(hearth["runs"], true);
  EXPECT_EQ(hearth["weight_bytes"], tensor_bytes);
  // 2 layers x 2 KV heads x (16 + 16) elements x 2 bytes, for each token
  EXPECT_EQ(hearth["kv_cache_bytes"], 100 * 2 * 2 * 32 * 2);
  EXPECT_EQ(hearth["total_bytes"], hearth["weight_bytes"].get<uint64_t>() +
                                       hearth["kv_cache_bytes"].get<uint64_t>() +
                                       hearth["workspace_bytes"].get<uint64_t>());
}

TEST(CacheTypes, EveryCommandThatRunsAModel_TakesThem) {
  const TemporaryFolder folder;
  const std::string model = (folder / "m.gguf").string();
  TinyLlama({.head_dim = 32, .n_rotated = 32}, 1).gguf().write(model);
  std::ofstream(folder / "text") << std::string(800, 'a') + std::string(800, 'b');
  const std::string text = (folder / "text").string();
  const auto perplexity = [&](std::vector<std::string> options) {
    std::vector<std::string> command{"perplexity", model, text, "--context", "128", "--json"};
    command.insert(command.end(), options.begin(), options.end());
    return parse_output(run_hearth(command))["perplexity"].get<double>();
  };
  const double f16 = perplexity({});
  EXPECT_EQ(perplexity({"--cache-type-k", "F16", "--cache-type-v", "f16"}), f16);
  for (const char* flag : {"--cache-type-k", "--cache-type-v"}) {
    const double q4_0 = perplexity({flag, "q4_0"});
    EXPECT_NE(q4_0, f16) << flag << " changed nothing";
    EXPECT_NEAR(q4_0 / f16, 1.0, 0.25) << flag;
  }
  EXPECT_EQ(run_hearth({"run", model, "--cache-type-k", "q8_0", "--cache-type-v", "bf16", "--num-predict",
                        "3", "hello"})
                .exit_code,
            0);
  EXPECT_EQ(
      run_hearth({"bench", model, "--cache-type-k", "q8_0", "--prompt", "4", "--gen", "2", "--repeat", "1"})
          .exit_code,
      0);
  const json object = parse_output(run_hearth(
      {"inspect", model, "--context", "100", "--cache-type-k", "q8_0", "--cache-type-v", "q4_0", "--json"}));
  // 2 layers x 2 KV heads x a block of 34 and one of 18 bytes, for each token
  EXPECT_EQ(object["hearth"]["kv_cache_bytes"], 100 * 2 * 2 * (34 + 18));
}

TEST(CacheTypes, WrongType_AndHeadsThatItDoesNotSuit_AreExplained) {
  const TemporaryFolder folder;
  const std::string model = write_tiny_model(folder);  // heads of 16
  const Outcome unknown = run_hearth({"run", model, "--cache-type-k", "q9", "hello"});
  EXPECT_EQ(unknown.exit_code, 2);
  EXPECT_CONTAINS(unknown.err, "expected f16, bf16, q8_0 or q4_0, found 'q9'");
  const Outcome odd = run_hearth({"run", model, "--cache-type-v", "q8_0", "hello"});
  EXPECT_EQ(odd.exit_code, 1);
  EXPECT_CONTAINS(odd.err, "values of type Q8_0: expected heads of a multiple of 32 elements, found 16");
  const json object = parse_output(run_hearth({"inspect", model, "--cache-type-v", "q8_0", "--json"}));
  EXPECT_EQ(object["hearth"]["runs"], false);
}

TEST(Inspect, UnknownArchitecture_IsShownWithItsReason) {
  const TemporaryFolder folder;
  GgufWriter writer = TinyLlama(TinyLlamaShape{}, 1).gguf({"general.architecture"});
  writer.add_string("general.architecture", "mystery").write(folder / "m.gguf");
  const Outcome outcome = run_hearth({"inspect", (folder / "m.gguf").string()});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_CONTAINS(outcome.out, "mystery (not known)");
  EXPECT_CONTAINS(outcome.out, "no: ");
  const json object = parse_output(run_hearth({"inspect", (folder / "m.gguf").string(), "--json"}));
  EXPECT_EQ(object["hearth"]["runs"], false);
  EXPECT_CONTAINS(object["hearth"]["problem"].get<std::string>(), "mystery");
}

// The windows of the method, over the fixture's own probabilities.
TEST(Perplexity, TinyModel_IsThatOfTheStatedMethod) {
  const TemporaryFolder folder;
  const std::string model = write_tiny_model(folder);
  std::string text;
  for (int i = 0; i < 40; ++i) text += static_cast<char>('a' + i * 7 % 26);
  std::ofstream(folder / "text") << text;
  const json ids = parse_output(run_hearth({"tokenize", model, text, "--special", "--json"}))["ids"];
  const std::vector<int32_t> tokens = ids.get<std::vector<int32_t>>();

  constexpr size_t kWindow = 16;
  const TinyLlama reference(TinyLlamaShape{}, 1);
  double sum = 0.0;
  int n = 0;
  for (size_t start = 0; start + kWindow <= tokens.size(); start += kWindow) {
    std::vector<int32_t> window(tokens.begin() + static_cast<std::ptrdiff_t>(start),
                                tokens.begin() + static_cast<std::ptrdiff_t>(start + kWindow));
    window.front() = 1;  // BOS
    const auto probabilities = reference.probabilities(window);
    for (size_t i = kWindow / 2; i + 1 < kWindow; ++i, ++n) {
      sum -= std::log(probabilities[i][static_cast<size_t>(window[i + 1])]);
    }
  }
  const json object = parse_output(
      run_hearth({"perplexity", model, (folder / "text").string(), "--context", "16", "--json"}));
  ASSERT_GT(n, 0);
  EXPECT_EQ(object["tokens_scored"], n);
  const double expected = std::exp(sum / n);
  EXPECT_NEAR(object["perplexity"].get<double>() / expected, 1.0, 0.01);
  EXPECT_GT(object["standard_error"].get<double>(), 0.0);
  EXPECT_CONTAINS(object["method"].get<std::string>(), "second half");
}

TEST(Perplexity, TextShorterThanAWindow_FailsWithTheNumbers) {
  const TemporaryFolder folder;
  std::ofstream(folder / "text") << "abc";
  const Outcome outcome = run_hearth({"perplexity", write_tiny_model(folder), (folder / "text").string()});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_CONTAINS(outcome.err, "256 tokens");
}

TEST(Bench, Json_HasTheDocumentedKeysInRange) {
  const TemporaryFolder folder;
  const json object = parse_output(run_hearth({"bench", write_tiny_model(folder), "--prompt", "32", "--gen",
                                               "8", "--batch", "2", "--repeat", "2", "--json"}));
  for (const char* key : {"prompt_tokens_per_s", "decode_tokens_per_s", "read_bandwidth_gb_per_s",
                          "decode_bandwidth_share", "load_s", "peak_rss_bytes"}) {
    ASSERT_TRUE(object[key].is_number()) << key;
    EXPECT_GT(object[key].get<double>(), 0.0) << key;
  }
  EXPECT_EQ(object["batch"], 2);
  EXPECT_NEAR(object["decode_bandwidth_share"].get<double>(),
              object["bytes_per_step"].get<double>() * object["decode_tokens_per_s"].get<double>() / 2 /
                  (object["read_bandwidth_gb_per_s"].get<double>() * 1e9),
              1e-6);
}

TEST(Bench, PromptBeyondTheContext_FailsWithTheNumbers) {
  const TemporaryFolder folder;
  const Outcome outcome = run_hearth({"bench", write_tiny_model(folder), "--prompt", "5000"});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_CONTAINS(outcome.err, "256");
}

TEST(Hardware, Json_DescribesTheMachine) {
  const json object = parse_output(run_hearth({"hardware", "--json"}));
  EXPECT_GE(object["physical_cores"].get<int>(), 1);
  EXPECT_GE(object["logical_cores"].get<int>(), object["physical_cores"].get<int>());
  EXPECT_GT(object["memory_bytes"].get<uint64_t>(), uint64_t{1} << 28);
  EXPECT_GT(object["read_bandwidth_gb_per_s"].get<double>(), 0.1);
  EXPECT_TRUE(object["gpus"].is_array());
  const auto isas = object["available_isas"].get<std::vector<std::string>>();
  EXPECT_NE(std::find(isas.begin(), isas.end(), object["isa"].get<std::string>()), isas.end());
}

TEST(Hardware, ChosenIsa_IsThatOfTheEnvironment) {
  const Outcome outcome = run_hearth({"hardware", "--json"}, std::nullopt, {{"HEARTH_ISA", "scalar"}});
  EXPECT_EQ(parse_output(outcome)["isa"], "scalar");
}

TEST(Tokenize, VocabularyWithoutWeights_Suffices) {
  HEARTH_NEEDS_TEST_DATA(vocabulary, "tokenizers/gguf/gpt-2.gguf");
  EXPECT_EQ(run_hearth({"tokenize", vocabulary.string(), "Hello world"}).out, "15496 995\n");
  const json inspected = parse_output(run_hearth({"inspect", vocabulary.string(), "--json"}));
  EXPECT_EQ(inspected["hearth"]["runs"], false);
  EXPECT_CONTAINS(inspected["hearth"]["problem"].get<std::string>(), "no weights");
}

size_t count_files(const TemporaryFolder& folder) {
  const std::filesystem::directory_iterator all(folder.path());
  return static_cast<size_t>(std::distance(begin(all), end(all)));
}

TEST(Quantize, TinyModel_BecomesSmallerAndStillAnswers) {
  const TemporaryFolder folder;
  const std::string model = write_tiny_model(folder);
  const std::string smaller = (folder / "q8_0.gguf").string();
  const Outcome outcome =
      run_hearth({"quantize", model, smaller, "--type", "q8_0", "--threads", "2", "--verbose"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_CONTAINS(outcome.out, "blk.0.attn_q.weight");
  EXPECT_CONTAINS(outcome.out, "F32 -> Q8_0");
  EXPECT_CONTAINS(outcome.out, "error 0.");
  EXPECT_CONTAINS(outcome.err, "bits per weight");
  EXPECT_LT(std::filesystem::file_size(smaller), std::filesystem::file_size(model) / 2);
  EXPECT_EQ(count_files(folder), 2U);

  std::vector<std::vector<float>> answers;
  for (const std::string& path : {model, smaller}) {
    const std::string out = (folder / "p.f32").string();
    ASSERT_EQ(run_hearth({"logits", path, "--tokens", "1,5,9,260", "--out", out}).exit_code, 0);
    answers.push_back(read_floats(out));
  }
  double divergence = 0.0;
  for (size_t i = 0; i < answers[0].size(); ++i) {
    divergence += answers[0][i] * std::log(static_cast<double>(answers[0][i]) / answers[1][i]);
  }
  EXPECT_LT(divergence / 4.0, 1e-3);
}

TEST(Quantize, WhatCannotBeDone_LeavesWhatWasThere) {
  const TemporaryFolder folder;
  const std::string model = write_tiny_model(folder);
  const std::string smaller = (folder / "q.gguf").string();
  std::ofstream(smaller) << "mine";
  const Outcome taken = run_hearth({"quantize", model, smaller, "--type", "Q8_0"});
  EXPECT_EQ(taken.exit_code, 1);
  EXPECT_CONTAINS(taken.err, "--force");
  EXPECT_EQ(read_file(smaller), "mine");
  const Outcome unknown = run_hearth({"quantize", model, smaller, "--type", "Q9", "--force"});
  EXPECT_EQ(unknown.exit_code, 1);
  EXPECT_CONTAINS(unknown.err, "Q4_K_M, ");
  EXPECT_EQ(run_hearth({"quantize", model, model, "--type", "Q8_0", "--force"}).exit_code, 1);
  ASSERT_EQ(run_hearth({"quantize", model, smaller, "--type", "Q8_0", "--force"}).exit_code, 0);

  const std::string again = (folder / "again.gguf").string();
  const Outcome refused = run_hearth({"quantize", smaller, again, "--type", "Q4_0"});
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_CONTAINS(refused.err, "found Q8_0");
  EXPECT_EQ(count_files(folder), 2U);
  EXPECT_EQ(run_hearth({"quantize", smaller, again, "--type", "Q4_0", "--allow-requantize"}).exit_code, 0);
}

}  // namespace
}  // namespace hearth::testing
