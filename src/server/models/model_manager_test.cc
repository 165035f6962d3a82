// Against the built program: engine processes as a server starts them.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <cstring>
#include <filesystem>
#include <fstream>

#include "protocol/framing.h"
#include "server/models/engine_process.h"
#include "server/models/model_manager_fixture.h"
#include "store/files.h"
#include "store/versions.h"
#include "tests/support/huggingface_folder.h"

namespace hearth::server {
namespace {

using testing::TemporaryFolder;

TEST_F(ModelManagerTest, GreedyAnswer_IsThatOfTheEngineInThisProcess) {
  write_llama("tiny.gguf", 1);
  start();
  auto lease = acquire("Tiny");
  ASSERT_TRUE(lease) << lease.error().message();
  EXPECT_GT((*lease)->load_duration().count(), 0);
  EXPECT_TRUE((*lease)->description().sandbox().starts_with("seccomp")) << (*lease)->description().sandbox();
  const Outcome outcome = answer(**lease, generation("Hello", 40));
  ASSERT_EQ(outcome.finished.size(), 1U);
  EXPECT_EQ(outcome.finished[0].reason(), protocol::Finished::LENGTH);
  EXPECT_EQ(outcome.finished[0].n_generated_tokens(), 40);
  EXPECT_EQ(outcome.text, expected_text("tiny.gguf", "Hello", 40));
}

TEST_F(ModelManagerTest, HuggingFaceFolder_AnswersAsInThisProcess) {
  const std::string bytes = testing::TinyLlama({}, 3).gguf().add_u32("llama.vocab_size", 285).build();
  const auto file = gguf::File::parse(std::as_bytes(std::span(bytes)), "tiny.gguf");
  std::filesystem::create_directory(folder_ / "qwen");
  testing::write_folder(testing::as_huggingface(*file), folder_ / "qwen", 2);
  std::ofstream(folder_ / "qwen/tokenizer.json") << testing::byte_level_tokenizer_json();
  start();
  auto lease = acquire("qwen");
  ASSERT_TRUE(lease) << lease.error().message();
  EXPECT_EQ((*lease)->description().format(), "safetensors");
  // The expressions of the pre-tokenizer are interpreted there, and compiled here.
  EXPECT_EQ(answer(**lease, generation("Hello, you're 12!", 30)).text,
            expected_text("qwen", "Hello, you're 12!", 30));
}

TEST_F(ModelManagerTest, SplitModel_AnswersAsInThisProcess) {
  // All but one tensor in the first part.
  const std::string moved = "output_norm.weight";
  const testing::TinyLlama model({}, 4);
  const std::string whole = model.gguf().build();
  const auto file = gguf::File::parse(std::as_bytes(std::span(whole)), "whole.gguf");
  const gguf::TensorInfo& tensor = *file->find_tensor(moved);
  std::vector<float> values(tensor.data.size() / sizeof(float));
  std::memcpy(values.data(), tensor.data.data(), tensor.data.size());
  model.gguf({moved})
      .add<uint16_t>("split.no", 0)
      .add<uint16_t>("split.count", 2)
      .write(folder_ / "parts-00001-of-00002.gguf");
  testing::GgufWriter()
      .add<uint16_t>("split.no", 1)
      .add<uint16_t>("split.count", 2)
      .add_tensor(moved, tensor.shape, values)
      .write(folder_ / "parts-00002-of-00002.gguf");
  start();
  auto lease = acquire("parts");
  ASSERT_TRUE(lease) << lease.error().message();
  EXPECT_EQ(answer(**lease, generation("Hello", 30)).text,
            expected_text("parts-00001-of-00002.gguf", "Hello", 30));
}

TEST_F(ModelManagerTest, SplitModelOfTheStore_AnswersAsItsPartsBesideIt) {
  const std::vector<std::string> parts = testing::TinyLlama({}, 4).gguf().build_split(3);
  const auto store = store::Store::open(folder_.path());
  ASSERT_TRUE(store);
  store::Manifest manifest;
  manifest.config = {std::string(store::media_type::kConfig), *store->write_blob("{}"), 2, "", ""};
  for (size_t i = 0; i < parts.size(); ++i) {
    const auto digest = store->write_blob(parts[i]);
    ASSERT_TRUE(digest);
    std::ofstream(folder_ / fmt::format("beside-0000{}-of-00003.gguf", i + 1)) << parts[i];
    manifest.layers.push_back({std::string(store::media_type::kModel), *digest, parts[i].size(), "", ""});
  }
  ASSERT_TRUE(store->write_manifest(*store::ModelName::parse("stored"), manifest.serialise()));
  std::swap(manifest.layers[1], manifest.layers[2]);
  ASSERT_TRUE(store->write_manifest(*store::ModelName::parse("swapped"), manifest.serialise()));
  start();
  auto lease = acquire("stored");
  ASSERT_TRUE(lease) << lease.error().message();
  EXPECT_EQ(answer(**lease, generation("Hello", 30)).text,
            expected_text("beside-00001-of-00003.gguf", "Hello", 30));
  const auto swapped = acquire("swapped");
  ASSERT_FALSE(swapped);
  EXPECT_NE(swapped.error().message().find("split.no: expected 1"), std::string::npos)
      << swapped.error().message();
}

TEST_F(ModelManagerTest, TwoModels_AnswerSideBySide) {
  write_llama("one.gguf", 1);
  write_llama("two.gguf", 2);
  start();
  auto one = acquire("one");
  auto two = acquire("two");
  ASSERT_TRUE(one && two);
  const auto first = (*one)->call(generation("Hello", 60));
  const auto second = (*two)->call(generation("Hello", 60));
  const Outcome of_second = run<Outcome>([&] { return outcome_of(*second); });
  const Outcome of_first = run<Outcome>([&] { return outcome_of(*first); });
  EXPECT_EQ(of_first.text, expected_text("one.gguf", "Hello", 60));
  EXPECT_EQ(of_second.text, expected_text("two.gguf", "Hello", 60));
  EXPECT_NE(of_first.text, of_second.text);
  EXPECT_EQ(manager_->running().size(), 2U);
  EXPECT_EQ(manager_->running()[0].n_requests, 1);
}

TEST_F(ModelManagerTest, EngineThatIsKilled_FailsItsCallsAndNoOthers) {
  write_llama("a.gguf", 1);
  write_llama("b.gguf", 2);
  start();
  auto victim = acquire("a");
  const std::vector<pid_t> engines_of_a = engines();
  ASSERT_EQ(engines_of_a.size(), 1U);
  auto other = acquire("b");
  const auto dying = (*victim)->call(generation("Hello", 200));
  const auto going_on = (*other)->call(generation("Hello", 200));
  const auto first = run<std::optional<protocol::Reply>>([&] { return dying->next(); });
  ASSERT_TRUE(first && first->has_accepted());
  ::kill(engines_of_a[0], SIGKILL);
  const Outcome dead = run<Outcome>([&] { return outcome_of(*dying); });
  ASSERT_TRUE(dead.failure);
  EXPECT_EQ(dead.failure->code(), protocol::Failure::UNAVAILABLE);
  EXPECT_EQ(dead.failure->message(), "the engine of model 'a:latest' ended unexpectedly (signal 9)");
  const Outcome alive = run<Outcome>([&] { return outcome_of(*going_on); });
  EXPECT_EQ(alive.text, expected_text("b.gguf", "Hello", 200));

  // The lease on the dead engine is of no use; a new one is.
  EXPECT_TRUE(answer(**victim, generation("Hello", 5)).failure);
  auto again = acquire("a");
  ASSERT_TRUE(again) << again.error().message();
  EXPECT_EQ(answer(**again, generation("Hello", 40)).text, expected_text("a.gguf", "Hello", 40));
}

TEST_F(ModelManagerTest, EngineThatKeepsDying_IsNotStartedAtOnce) {
  write_llama("a.gguf", 1);
  start();
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(acquire("a"));
    ASSERT_EQ(engines().size(), 1U);
    ::kill(engines()[0], SIGKILL);
    run_until([&] { return !is_running("a:latest"); });
  }
  const auto refused = acquire("a");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kUnavailable);
  EXPECT_NE(refused.error().message().find("2 times"), std::string::npos) << refused.error().message();
}

TEST_F(ModelManagerTest, Cancel_EndsTheAnswer) {
  write_llama("tiny.gguf", 1);
  start([](ModelPoolOptions& options) { options.start.set_context_tokens(4096); });
  auto lease = acquire("tiny");
  const auto call = (*lease)->call(generation("Hello", 3500));
  ASSERT_TRUE(run<std::optional<protocol::Reply>>([&] { return call->next(); }));
  call->cancel();
  const Outcome outcome = run<Outcome>([&] { return outcome_of(*call); });
  ASSERT_EQ(outcome.finished.size(), 1U);
  EXPECT_EQ(outcome.finished[0].reason(), protocol::Finished::CANCELLED);
  EXPECT_LT(outcome.finished[0].n_generated_tokens(), 3500);
}

TEST_F(ModelManagerTest, CallThatIsLetGo_DoesNotKeepTheEngineBusy) {
  write_llama("tiny.gguf", 1);
  start([](ModelPoolOptions& options) {
    options.start.set_context_tokens(4096);
    options.start.set_max_sequences(1);
  });
  auto lease = acquire("tiny");
  {
    const auto abandoned = (*lease)->call(generation("Hello", 3900));
    ASSERT_TRUE(run<std::optional<protocol::Reply>>([&] { return abandoned->next(); }));
  }
  const auto began = std::chrono::steady_clock::now();
  EXPECT_EQ(answer(**lease, generation("Hello", 2)).finished.size(), 1U);
  EXPECT_LT(std::chrono::steady_clock::now() - began, 1s);
}

TEST_F(ModelManagerTest, WithTrustedKeys_OnlySignedModelsAreLoaded) {
  const TemporaryFolder keys;
  const auto key = store::PrivateKey::create(keys / "key");
  ASSERT_TRUE(key);
  trusted_keys_ = {key->public_key()};
  const auto store = store::Store::open(folder_.path());
  const auto name = *store::ModelName::parse("tiny");
  store_llama("tiny", 1);
  write_llama("file.gguf", 1);
  start();
  const auto is_refused = [&](const std::string& model, std::string_view reason) {
    const auto lease = acquire(model);
    EXPECT_FALSE(lease) << model;
    EXPECT_NE(lease.error().message().find(reason), std::string::npos) << lease.error().message();
    const auto described =
        run<bool>([&]() -> Task<bool> { co_return (co_await manager_->describe(model)).has_value(); });
    EXPECT_FALSE(described) << "nor is it opened to be described";
  };
  is_refused("tiny", "is not signed");
  is_refused("file", "cannot be signed");
  const auto stored = store->manifest(name);
  ASSERT_TRUE(write_signature(*store, name, store::ManifestSignature::make(*key, name, stored->digest)));
  EXPECT_TRUE(acquire("tiny", {.context_tokens = {}, .keep_alive = Seconds(0)}));

  // Who can write the store can write there that the weights were found right, too.
  const std::filesystem::path blob = store->blob_path(stored->manifest.layers[0].digest);
  const auto size = std::filesystem::file_size(blob);
  std::fstream(blob, std::ios::binary | std::ios::in | std::ios::out).seekp(static_cast<long>(size) - 8)
      << "tampered";
  const UniqueDescriptor file(::open(blob.c_str(), O_RDONLY | O_CLOEXEC));
  remember_verified(store::Places{folder_.path()}, stored->manifest.layers[0].digest, file.get());
  const auto tampered = acquire("tiny");
  ASSERT_FALSE(tampered);
  EXPECT_EQ(tampered.error().code(), ErrorCode::kMalformed) << tampered.error().message();
}

TEST_F(ModelManagerTest, FileThatIsCutShort_IsAnErrorOfThisModelAlone) {
  write_llama("tiny.gguf", 1);
  std::filesystem::copy(folder_ / "tiny.gguf", folder_ / "short.gguf");
  std::filesystem::resize_file(folder_ / "short.gguf", 5000);
  std::ofstream(folder_ / "text.gguf") << "this is no model";
  start();
  for (const char* name : {"short", "text"}) {
    const auto lease = acquire(name);
    ASSERT_FALSE(lease);
    EXPECT_EQ(lease.error().code(), ErrorCode::kMalformed) << lease.error().message();
    EXPECT_EQ(lease.error().message().find(folder_.path().string()), std::string::npos)
        << lease.error().message();
    const auto described =
        run<bool>([&]() -> Task<bool> { co_return (co_await manager_->describe(name)).has_value(); });
    EXPECT_FALSE(described);
  }
  EXPECT_TRUE(acquire("tiny"));
  const auto missing = acquire("none");
  EXPECT_EQ(missing.error().code(), ErrorCode::kNotFound);
}

TEST_F(ModelManagerTest, Quantize_WritesAModelThatCanBeLoaded) {
  write_llama("tiny.gguf", 1);
  start();
  const auto quantise = [&](const std::string& scheme, bool goes_on) {
    std::optional<Result<std::string>> done;
    run<bool>([&]() -> Task<bool> {
      const UniqueDescriptor output(
          ::open((folder_ / "small.gguf").c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
      QuantizeWish wish;
      wish.scheme = scheme;
      wish.output = output.get();
      wish.on_progress = [goes_on](const protocol::Progress& progress) -> Task<bool> {
        EXPECT_LE(progress.completed(), progress.total());
        co_return goes_on;
      };
      CatalogEntry entry = *manager_->find("tiny");
      done.emplace(co_await manager_->quantize(std::move(entry), std::move(wish)));
      co_return true;
    });
    return std::move(*done);
  };
  EXPECT_EQ(quantise("Q9_K", true).error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(quantise("q8_0", false).error().code(), ErrorCode::kCancelled);
  const auto done = quantise("q8_0", true);
  ASSERT_TRUE(done) << done.error().message();
  EXPECT_EQ(*done, "Q8_0");
  EXPECT_TRUE(manager_->running().empty());
  const auto small = acquire("small");
  ASSERT_TRUE(small) << small.error().message();
  EXPECT_EQ((*small)->description().quantisation(), "Q8_0");
}

TEST_F(ModelManagerTest, DescribeAndInspect_LeaveNothingLoaded) {
  write_llama("tiny.gguf", 1);
  write_bert("bert.gguf");
  start();
  const auto described = run<bool>([&]() -> Task<bool> {
    const auto llama = co_await manager_->describe("tiny");
    const auto bert = co_await manager_->describe("bert");
    const auto inspection = co_await manager_->inspect("tiny", false);
    EXPECT_TRUE(llama && !llama->is_encoder() && llama->architecture() == "llama");
    EXPECT_TRUE(bert && bert->is_encoder() && bert->embedding_length() == 64);
    EXPECT_TRUE(inspection && inspection->metadata_json().find("llama.block_count") != std::string::npos);
    co_return true;
  });
  EXPECT_TRUE(described);
  EXPECT_TRUE(manager_->running().empty());
  run_until([&] { return engines().empty(); });
}

TEST_F(ModelManagerTest, Encoder_MakesVectors) {
  write_bert("bert.gguf");
  start();
  auto lease = acquire("bert");
  ASSERT_TRUE(lease) << lease.error().message();
  protocol::Call call;
  call.mutable_embed()->add_texts("abc");
  const auto embedding = (*lease)->call(std::move(call));
  const auto reply = run<std::optional<protocol::Reply>>([&] { return embedding->next(); });
  ASSERT_TRUE(reply && reply->has_vectors());
  EXPECT_EQ(reply->vectors().vectors(0).numbers_size(), 64);
}

TEST_F(ModelManagerTest, TextThatIsNoUtf8_FailsItsCallAndLeavesTheEngine) {
  write_llama("tiny.gguf", 1);
  start();
  auto lease = acquire("tiny");
  const Outcome bad = answer(**lease, generation("\xFF\xFE", 5));
  ASSERT_TRUE(bad.failure);
  EXPECT_EQ(bad.failure->code(), protocol::Failure::INVALID_ARGUMENT);
  EXPECT_EQ(answer(**lease, generation("Hello", 5)).finished.size(), 1U);
}

TEST_F(ModelManagerTest, ProgramThatIsNoEngine_IsAnError) {
  write_llama("tiny.gguf", 1);
  start([](ModelPoolOptions& options) { options.executable = "/bin/true"; });
  const auto lease = acquire("tiny");
  ASSERT_FALSE(lease);
  EXPECT_NE(lease.error().message().find("exit code 0"), std::string::npos) << lease.error().message();
  start([](ModelPoolOptions& options) { options.executable = "/none/hearth"; });
  EXPECT_EQ(acquire("tiny").error().code(), ErrorCode::kIo);
}

TEST_F(ModelManagerTest, ShutDown_EndsEnginesAndFailsWhoWaits) {
  write_llama("tiny.gguf", 1);
  start([](ModelPoolOptions& options) { options.start.set_context_tokens(4096); });
  auto lease = acquire("tiny");
  const auto call = (*lease)->call(generation("Hello", 3900));
  run<bool>([this]() -> Task<bool> {
    co_await manager_->shut_down();
    co_return true;
  });
  EXPECT_TRUE(engines().empty());
  const Outcome outcome = run<Outcome>([&] { return outcome_of(*call); });
  ASSERT_TRUE(outcome.failure);
  EXPECT_EQ(outcome.failure->message(), "the engine of model 'tiny:latest' was stopped");
  EXPECT_EQ(acquire("tiny").error().code(), ErrorCode::kUnavailable);
}

}  // namespace
}  // namespace hearth::server
