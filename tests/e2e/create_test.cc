// hearth create: models of the store, made without a server and without a second copy of their weights.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/e2e/hearth_process.h"
#include "tests/support/huggingface_folder.h"
#include "tests/support/tiny_llama.h"

namespace hearth::testing {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

class CreateCommand : public ::testing::Test {
 protected:
  CreateCommand() { fs::create_directories(store()); }

  fs::path store() const { return folder_ / "store"; }
  Outcome create(Arguments arguments, const std::optional<std::string>& input = std::nullopt) const {
    arguments.insert(arguments.begin(), "create");
    arguments.insert(arguments.end(), {"--models", store().string()});
    return run_hearth(arguments, input);
  }
  Outcome verify() const { return run_hearth({"verify", "--models", store().string()}); }
  json manifest(const std::string& name) const {
    std::ifstream file(store() / "manifests/registry.ollama.ai/library" / name / "latest");
    return json::parse(file, nullptr, false);
  }
  std::string blob(const json& layer) const {
    std::string name = layer.at("digest");
    name[6] = '-';
    std::ostringstream bytes;
    bytes << std::ifstream(store() / "blobs" / name, std::ios::binary).rdbuf();
    return bytes.str();
  }
  // The text of the first layer of this kind; "none" where there is none.
  std::string layer(const json& manifest, const std::string& kind) const {
    for (const json& one : manifest.at("layers")) {
      if (one.at("mediaType") == "application/vnd.ollama.image." + kind) return blob(one);
    }
    return "none";
  }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ / name) << text;
  }

  TemporaryFolder folder_;
};

TEST_F(CreateCommand, GgufFile_IsAModelInPlace) {
  const std::string file = write_tiny_model(folder_);
  const Outcome outcome = create({"tiny", file});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_CONTAINS(outcome.err, "in place");
  EXPECT_CONTAINS(outcome.err, "success");
  const json made = manifest("tiny");
  ASSERT_TRUE(made.is_object());
  struct stat info {};
  std::string digest = made.at("layers").at(0).at("digest");
  digest[6] = '-';
  ASSERT_EQ(::stat((store() / "blobs" / digest).c_str(), &info), 0);
  EXPECT_EQ(made.at("layers").at(0).at("size"), info.st_size);
  const json config = json::parse(blob(made.at("config")));
  EXPECT_EQ(config.at("model_family"), "llama");
  EXPECT_EQ(config.at("file_type"), "F32");
  EXPECT_EQ(verify().exit_code, 0);
  EXPECT_CONTAINS(create({"again", file}).err, "already in the store");
  const Outcome copied = create({"copied", file, "--copy"});
  EXPECT_EQ(copied.exit_code, 0) << copied.err;
}

TEST_F(CreateCommand, Modelfile_SaysWhatStandsAroundTheWeights) {
  write_tiny_model(folder_);
  write("Modelfile",
        "FROM ./tiny.gguf\nPARAMETER temperature 0.5\nPARAMETER stop \"<x>\"\nPARAMETER stop y\n"
        "SYSTEM \"\"\"Be\nbrief.\"\"\"\nTEMPLATE \"{% for m in messages %}{{ m.content }}{% endfor %}\"\n"
        "LICENSE MIT\nMESSAGE user hi\n");
  ASSERT_TRUE(fs::exists(folder_ / "tiny.gguf"));
  const Outcome outcome = create({"brief", "-f", (folder_ / "Modelfile").string()});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const json made = manifest("brief");
  EXPECT_EQ(layer(made, "params"), "{\"stop\":[\"\\u003cx\\u003e\",\"y\"],\"temperature\":0.5}\n");
  EXPECT_EQ(layer(made, "system"), "Be\nbrief.");
  EXPECT_EQ(layer(made, "template"), "{% for m in messages %}{{ m.content }}{% endfor %}");
  EXPECT_EQ(layer(made, "license"), "MIT");
  EXPECT_EQ(layer(made, "messages"), "[{\"role\":\"user\",\"content\":\"hi\"}]\n");

  // One that comes from it, through stdin.
  const Outcome derived = create({"briefer", "-f", "-"}, "FROM brief\nSYSTEM One word.\nPARAMETER top_k 1\n");
  ASSERT_EQ(derived.exit_code, 0) << derived.err;
  EXPECT_EQ(layer(manifest("briefer"), "system"), "One word.");
  EXPECT_EQ(layer(manifest("briefer"), "params"),
            "{\"stop\":[\"\\u003cx\\u003e\",\"y\"],\"temperature\":0.5,\"top_k\":1}\n");
  EXPECT_EQ(layer(manifest("briefer"), "license"), "MIT");
  EXPECT_EQ(verify().exit_code, 0);
  EXPECT_CONTAINS(create({"go", "-f", "-"}, "FROM brief\nTEMPLATE no template\n").err, "in neither");
}

TEST_F(CreateCommand, SafetensorsFolder_IsAModelFileByFile) {
  const std::string bytes = TinyLlama({}, 3).gguf().add_u32("llama.vocab_size", 285).build();
  const auto file = gguf::File::parse(std::as_bytes(std::span(bytes)), "tiny.gguf");
  fs::create_directories(folder_ / "hf");
  write_folder(as_huggingface(*file), folder_ / "hf", 2);
  write("hf/tokenizer.json", byte_level_tokenizer_json());
  write("hf/README.md", "not of the model");
  const Outcome outcome = create({"folder", (folder_ / "hf").string()});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  std::vector<std::string> names;
  const json made = manifest("folder");
  for (const json& one : made.at("layers")) names.push_back(one.value("name", ""));
  EXPECT_NE(std::find(names.begin(), names.end(), "config.json"), names.end());
  EXPECT_EQ(std::find(names.begin(), names.end(), "README.md"), names.end());
  EXPECT_EQ(json::parse(blob(made.at("config"))).at("model_format"), "safetensors");
  EXPECT_EQ(verify().exit_code, 0);
}

TEST_F(CreateCommand, Quantize_WritesWeightsOfThatType) {
  const std::string file = write_tiny_model(folder_);
  const Outcome outcome = create({"tiny", file, "--quantize", "q8_0", "--json"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_CONTAINS(outcome.err, "Q8_0");
  EXPECT_EQ(json::parse(outcome.out).at("model"), "tiny:latest");
  const json stored = manifest("tiny");
  EXPECT_EQ(json::parse(blob(stored.at("config"))).at("file_type"), "Q8_0");
  EXPECT_LT(stored.at("layers").at(0).at("size"), fs::file_size(file) / 2);
  EXPECT_EQ(layer(stored, "model").substr(0, 4), "GGUF");
  EXPECT_EQ(verify().exit_code, 0);
}

TEST_F(CreateCommand, WhatCannotBe_IsSaidAndLeavesNothing) {
  const std::string file = write_tiny_model(folder_);
  write("broken.gguf", "GGUF and nothing");
  const std::vector<std::tuple<Arguments, std::string, int, const char*>> cases{
      {{"x", (folder_ / "none.gguf").string()}, "", 1, "no such file"},
      {{"x", (folder_ / "broken.gguf").string()}, "", 1, "broken.gguf"},
      {{"../x", file}, "", 1, "model name"},
      {{"x", file, "-f", "y"}, "", 2, "either weights or"},
      {{"x", "-f", "-"}, "FROM nobody\n", 1, "no such model in the store"},
      {{"x", "-f", "-"}, "FROM ./none\n", 1, "no such file"},
      {{"x", "-f", "-"}, "SYSTEM hi\n", 1, "expected a line FROM"},
      {{"x", "-f", "-"}, "FROM " + file + "\nADAPTER a.gguf\n", 1, "expected a GGUF file, found none"},
      {{"x", "-f", "-"}, "FROM " + file + "\nPARAMETER top_k many\n", 1, "line 2: PARAMETER.top_k"},
      {{"x", "-f", "-"}, "FROM " + file + "\nTEMPLATE {% for %}\n", 1, "TEMPLATE"},
      {{"x", "-f", "-"}, "FROM " + file + "\nREQUIRES 99.0.0\n", 1, "requires Ollama 99.0.0"},
      {{"x", file, "--quantize", "q4_many"}, "", 1, "q4_many"},
      {{"x", "-f", "-", "--quantize", "q8_0"}, "FROM nobody\n", 1, "expected FROM a GGUF file"}};
  for (const auto& [arguments, input, code, message] : cases) {
    const Outcome outcome = create(arguments, input);
    EXPECT_EQ(outcome.exit_code, code) << message << ": " << outcome.err;
    EXPECT_CONTAINS(outcome.err, message);
  }
  EXPECT_FALSE(fs::exists(store() / "manifests"));
}

}  // namespace
}  // namespace hearth::testing
