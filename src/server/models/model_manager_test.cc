// Against the built program: engine processes as a server starts them.
#include "server/models/model_manager.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>

#include "backends/cpu/cpu_backend.h"
#include "engine/loaded_model.h"
#include "protocol/framing.h"
#include "server/models/engine_process.h"
#include "store/files.h"
#include "store/versions.h"
#include "tests/support/huggingface_folder.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tiny_bert.h"
#include "tests/support/tiny_llama.h"

namespace hearth::server {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using testing::TemporaryFolder;

constexpr auto kPatience = 60s;

protocol::Call generation(const std::string& text, int64_t n_tokens) {
  protocol::Call call;
  protocol::Generate& generate = *call.mutable_generate();
  generate.mutable_text()->set_text(text);
  generate.mutable_sampling()->set_temperature(0);
  generate.set_max_tokens(n_tokens);
  generate.set_ignore_end(true);
  return call;
}

// What came of a call, and how it ended.
struct Outcome {
  std::string text;
  std::vector<protocol::Finished> finished;
  std::optional<protocol::Failure> failure;
};

Task<Outcome> outcome_of(EngineCall& call) {
  Outcome outcome;
  while (auto reply = co_await call.next()) {
    if (reply->has_delta()) outcome.text += reply->delta().text();
    if (reply->has_finished()) outcome.finished.push_back(reply->finished());
    if (reply->has_failure()) outcome.failure = reply->failure();
  }
  co_return outcome;
}

class ModelManagerTest : public ::testing::Test {
 protected:
  void TearDown() override {
    if (manager_) {
      run<bool>([this]() -> Task<bool> {
        co_await manager_->shut_down();
        co_return true;
      });
    }
  }

  void write_llama(const std::string& name, uint32_t seed, int64_t context_tokens = 4096) {
    testing::TinyLlamaShape shape;
    shape.context_tokens = context_tokens;
    testing::TinyLlama(shape, seed).gguf().write(folder_ / name);
  }
  void write_bert(const std::string& name) { testing::TinyBert({}, 1).gguf().write(folder_ / name); }

  ModelManager& start(const std::function<void(ModelPoolOptions&)>& change = nullptr) {
    ModelManagerOptions options;
    options.models = folder_.path();
    options.trusted_keys = trusted_keys_;
    options.pool.executable = HEARTH_PROGRAM;
    options.pool.start.set_max_sequences(4);
    options.pool.start.set_n_threads(1);
    options.pool.start.set_context_tokens(256);
    options.pool.available_bytes = [] { return uint64_t{1} << 40U; };
    if (change) change(options.pool);
    TearDown();
    manager_ = std::make_unique<ModelManager>(io_.get_executor(), options);
    return *manager_;
  }

  // Runs a coroutine to its end, and with it everything else.
  template <typename T>
  T run(std::function<Task<T>()> task) {
    std::optional<T> result;
    asio::co_spawn(io_, std::move(task), [&](const std::exception_ptr& error, T value) {
      EXPECT_EQ(error, nullptr);
      result.emplace(std::move(value));
    });
    run_until([&] { return result.has_value(); });
    return std::move(*result);
  }
  void run_until(const std::function<bool()>& is_done) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (!is_done() && std::chrono::steady_clock::now() < deadline) {
      io_.restart();
      io_.run_one_for(50ms);
    }
    ASSERT_TRUE(is_done()) << "it took too long";
  }

  Result<std::unique_ptr<EngineLease>> acquire(const std::string& name, const LoadWish& wish = {}) {
    std::optional<Result<std::unique_ptr<EngineLease>>> lease;
    run<bool>([&]() -> Task<bool> {
      lease.emplace(co_await manager_->acquire(name, wish));
      co_return true;
    });
    return std::move(*lease);
  }
  Outcome answer(EngineLease& lease, protocol::Call call) {
    const auto running = lease.call(std::move(call));
    return run<Outcome>([&] { return outcome_of(*running); });
  }

  // What the engine says in this process.
  std::string expected_text(const std::string& name, const std::string& prompt, int64_t n_tokens) {
    auto loaded = engine::LoadedModel::load(folder_ / name, *cpu::make_cpu_backend({*choose_isa(), 1}),
                                            {.context_tokens = 256});
    engine::Request request;
    request.prompt = (*loaded)->tokenizer().encode(prompt, {});
    request.sampling.temperature = 0;
    request.max_tokens = n_tokens;
    request.ignore_end = true;
    EXPECT_TRUE((*loaded)->engine().submit(request));
    std::string text;
    while ((*loaded)->engine().has_work()) {
      const auto report = (*loaded)->engine().step();
      for (const engine::Event& event : report->events) text += event.text;
    }
    return text;
  }
  // Where the engine of a loaded model is: what no client needs, a test asks the system.
  static std::vector<pid_t> engines() {
    std::vector<pid_t> found;
    for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
      std::ifstream children(task.path() / "children");
      for (pid_t pid = 0; children >> pid;) found.push_back(pid);
    }
    return found;
  }
  bool is_running(const std::string& name) const {
    const auto running = manager_->running();
    return std::any_of(running.begin(), running.end(),
                       [&](const RunningModel& m) { return m.entry.name == name; });
  }

  // A model of the store whose weights are those of a tiny one.
  void store_llama(const std::string& name, uint32_t seed) {
    write_llama("weights", seed);
    std::ostringstream weights;
    weights << std::ifstream(folder_ / "weights", std::ios::binary).rdbuf();
    std::filesystem::remove(folder_ / "weights");
    const auto store = store::Store::open(folder_.path());
    store::Manifest manifest;
    manifest.config = {std::string(store::media_type::kConfig), *store->write_blob("{}"), 2, "", ""};
    manifest.layers = {{std::string(store::media_type::kModel), *store->write_blob(weights.str()),
                        weights.str().size(), "", ""}};
    ASSERT_TRUE(store->write_manifest(*store::ModelName::parse(name), manifest.serialise()));
  }

  TemporaryFolder folder_;
  std::vector<store::PublicKey> trusted_keys_;
  asio::io_context io_;
  std::unique_ptr<ModelManager> manager_;
};

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

TEST_F(ModelManagerTest, WhoComesDuringALoad_SharesIt) {
  write_llama("tiny.gguf", 1);
  start();
  size_t n_leases = 0;
  for (int i = 0; i < 5; ++i) {
    asio::co_spawn(
        io_,
        [&]() -> Task<void> {
          const auto lease = co_await manager_->acquire("tiny", {});
          if (lease) ++n_leases;
        },
        [](const std::exception_ptr& error) { EXPECT_EQ(error, nullptr); });
  }
  run_until([&] { return n_leases == 5; });
  EXPECT_EQ(engines().size(), 1U);
  EXPECT_TRUE(manager_->loading().empty());
}

TEST_F(ModelManagerTest, KeepAliveOfZero_UnloadsAfterTheLastRequest) {
  write_llama("tiny.gguf", 1);
  start();
  {
    auto lease = acquire("tiny", {.context_tokens = {}, .keep_alive = Seconds(0)});
    ASSERT_TRUE(lease);
    EXPECT_FALSE(manager_->running()[0].expires_at);
  }
  EXPECT_FALSE(is_running("tiny:latest"));
  run_until([&] { return engines().empty(); });
}

TEST_F(ModelManagerTest, KeepAlive_UnloadsWhenItIsOver) {
  const LoadWish for_ever{.context_tokens = {}, .keep_alive = Seconds(-1)};
  const LoadWish shortly{.context_tokens = {}, .keep_alive = Seconds(0.2)};
  write_llama("tiny.gguf", 1);
  start();
  EXPECT_TRUE(acquire("tiny", for_ever));
  EXPECT_FALSE(manager_->running()[0].expires_at);
  EXPECT_TRUE(acquire("tiny", shortly));
  ASSERT_TRUE(is_running("tiny:latest"));
  EXPECT_TRUE(manager_->running()[0].expires_at);
  run_until([&] { return !is_running("tiny:latest"); });
}

TEST_F(ModelManagerTest, Unload_WaitsForTheLastRequest) {
  write_llama("tiny.gguf", 1);
  start();
  EXPECT_FALSE(*manager_->unload("tiny"));
  auto lease = acquire("tiny");
  EXPECT_TRUE(*manager_->unload("TINY:latest"));
  EXPECT_EQ(answer(**lease, generation("Hello", 5)).finished.size(), 1U);
  lease->reset();
  EXPECT_FALSE(is_running("tiny:latest"));
}

TEST_F(ModelManagerTest, OneTooMany_TakesThePlaceOfTheLeastRecentlyUsed) {
  for (const char* name : {"a.gguf", "b.gguf", "c.gguf"}) write_llama(name, 1);
  start([](ModelPoolOptions& options) { options.max_loaded = 2; });
  EXPECT_TRUE(acquire("a"));
  EXPECT_TRUE(acquire("b"));
  EXPECT_TRUE(acquire("a"));
  EXPECT_TRUE(acquire("c"));
  EXPECT_TRUE(is_running("a:latest"));
  EXPECT_FALSE(is_running("b:latest"));
  EXPECT_TRUE(is_running("c:latest"));
}

TEST_F(ModelManagerTest, OneTooManyWhileAllWork_WaitsForAPlace) {
  write_llama("a.gguf", 1);
  write_llama("b.gguf", 2);
  start([](ModelPoolOptions& options) { options.max_loaded = 1; });
  auto held = acquire("a");
  bool has_b = false;
  asio::co_spawn(
      io_,
      [&]() -> Task<void> {
        const auto lease = co_await manager_->acquire("b", {});
        has_b = lease.has_value();
      },
      [](const std::exception_ptr& error) { EXPECT_EQ(error, nullptr); });
  run_until([&] {
    return manager_->loading().size() == 1 && manager_->loading()[0].stage == "waiting for memory";
  });
  EXPECT_FALSE(has_b);
  held->reset();
  run_until([&] { return has_b; });
  EXPECT_FALSE(is_running("a:latest"));
}

TEST_F(ModelManagerTest, ModelBeyondTheBudget_IsRefusedWithTheNumbers) {
  write_llama("tiny.gguf", 1);
  start([](ModelPoolOptions& options) { options.memory_bytes = 100'000; });
  const auto lease = acquire("tiny");
  ASSERT_FALSE(lease);
  EXPECT_EQ(lease.error().code(), ErrorCode::kResourceExhausted);
  EXPECT_NE(lease.error().message().find("100000 bytes for all models"), std::string::npos)
      << lease.error().message();
  EXPECT_NE(lease.error().message().find("KV cache"), std::string::npos);
  run_until([&] { return engines().empty(); });
}

TEST_F(ModelManagerTest, IdleModel_MakesRoomWithinTheBudget) {
  write_llama("a.gguf", 1);
  write_llama("b.gguf", 2);
  start();
  const protocol::Memory need = (*acquire("a"))->description().memory();
  const auto one_and_a_half =
      static_cast<uint64_t>((need.weights_bytes() + need.kv_bytes() + need.work_bytes()) * 3 / 2);
  start([&](ModelPoolOptions& options) { options.memory_bytes = one_and_a_half; });
  ASSERT_TRUE(acquire("a"));
  ASSERT_TRUE(acquire("b"));
  EXPECT_FALSE(is_running("a:latest"));
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

TEST_F(ModelManagerTest, MoreContextThanLoaded_LoadsAgain) {
  write_llama("tiny.gguf", 1, 1024);
  start();
  EXPECT_EQ((*acquire("tiny"))->description().context_tokens(), 256);
  EXPECT_EQ((*acquire("tiny", {.context_tokens = 128, .keep_alive = {}}))->description().context_tokens(),
            256);
  EXPECT_EQ((*acquire("tiny", {.context_tokens = 512, .keep_alive = {}}))->description().context_tokens(),
            512);
  EXPECT_EQ((*acquire("tiny"))->description().context_tokens(), 512);
  // More than the model has is what it has, once and for all.
  EXPECT_EQ((*acquire("tiny", {.context_tokens = 9999, .keep_alive = {}}))->description().context_tokens(),
            1024);
  EXPECT_EQ((*acquire("tiny", {.context_tokens = 9999, .keep_alive = {}}))->load_duration(), Seconds(0));
}

TEST_F(ModelManagerTest, FileThatChanged_IsLoadedAnew) {
  write_llama("tiny.gguf", 1);
  start();
  const std::string before = answer(**acquire("tiny"), generation("Hello", 20)).text;
  std::filesystem::remove(folder_ / "tiny.gguf");
  write_llama("tiny.gguf", 2);
  const std::string after = answer(**acquire("tiny"), generation("Hello", 20)).text;
  EXPECT_NE(before, after);
  EXPECT_EQ(after, expected_text("tiny.gguf", "Hello", 20));
}

TEST_F(ModelManagerTest, RolledBackModel_IsLoadedAnew) {
  store_llama("tiny", 1);
  start();
  const std::string before = answer(**acquire("tiny"), generation("Hello", 20)).text;
  store_llama("tiny", 2);
  EXPECT_NE(answer(**acquire("tiny"), generation("Hello", 20)).text, before);
  ASSERT_TRUE(roll_back(*store::Store::open(folder_.path()), *store::ModelName::parse("tiny"), std::nullopt));
  EXPECT_EQ(answer(**acquire("tiny"), generation("Hello", 20)).text, before);
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

// In the place of the program: an engine that says what a test has written down, and then nothing more.
class ScriptedEngine {
 public:
  // To the first call of the process, which is Open.
  ScriptedEngine& progress(const std::string& stage, uint64_t completed, uint64_t total) {
    protocol::Reply reply;
    reply.set_id(1);
    reply.mutable_progress()->set_stage(stage);
    reply.mutable_progress()->set_completed(completed);
    reply.mutable_progress()->set_total(total);
    EXPECT_TRUE(protocol::append_frame(bytes_, reply));
    return *this;
  }
  std::string write(const TemporaryFolder& folder) const {
    const std::string path = folder / "engine";
    std::ofstream(path + ".replies", std::ios::binary) << bytes_;
    std::ofstream(path) << "#!/bin/sh\n/bin/cat '" << path << ".replies' >&3\nexec /bin/sleep 1000\n";
    std::filesystem::permissions(path, std::filesystem::perms::owner_all);
    return path;
  }

 private:
  std::string bytes_;
};

TEST_F(ModelManagerTest, ProgressOfTheEngine_IsSeenWhileItLoads) {
  write_llama("tiny.gguf", 1);
  const TemporaryFolder elsewhere;
  const std::string engine = ScriptedEngine()
                                 .progress("reading weights", 25, 100)
                                 .progress("reading weights", 75, 100)
                                 .write(elsewhere);
  start([&](ModelPoolOptions& options) { options.executable = engine; });
  asio::co_spawn(
      io_,
      [&]() -> Task<void> {
        const auto lease = co_await manager_->acquire("tiny", {.context_tokens = 512, .keep_alive = {}});
        EXPECT_FALSE(lease);
      },
      [](const std::exception_ptr& error) { EXPECT_EQ(error, nullptr); });
  run_until([&] { return manager_->loading().size() == 1 && manager_->loading()[0].completed_bytes == 75; });
  const LoadingModel loading = manager_->loading()[0];
  EXPECT_EQ(loading.entry.name, "tiny:latest");
  EXPECT_EQ(loading.stage, "reading weights");
  EXPECT_EQ(loading.total_bytes, 100U);
  EXPECT_EQ(loading.context_tokens, 512);
  EXPECT_EQ(loading.keep_alive, Seconds(300));
  EXPECT_FALSE(loading.description);
}

TEST_F(ModelManagerTest, LoadThatGetsNoFurther_IsGivenUpAndItsEngineKilled) {
  write_llama("tiny.gguf", 1);
  const TemporaryFolder elsewhere;
  const std::string engine = ScriptedEngine().progress("reading weights", 25, 100).write(elsewhere);
  start([&](ModelPoolOptions& options) {
    options.executable = engine;
    options.load_timeout = Seconds(0.5);
  });
  const auto lease = acquire("tiny");
  ASSERT_FALSE(lease);
  EXPECT_EQ(lease.error().code(), ErrorCode::kUnavailable);
  EXPECT_EQ(
      lease.error().message(),
      "model 'tiny:latest': loading was given up, since it got no further for 0.5 s while reading weights "
      "(25 of 100 bytes) (--load-timeout)");
  EXPECT_TRUE(manager_->loading().empty());
  run_until([&] { return engines().empty(); });
  const std::string said = run<std::string>([this]() -> Task<std::string> {
    const auto described = co_await manager_->describe("tiny");
    co_return described ? "it was opened" : described.error().message();
  });
  EXPECT_NE(said.find("--load-timeout"), std::string::npos) << said;
}

TEST_F(ModelManagerTest, LoadThatWaitsForMemory_IsNotGivenUp) {
  write_llama("a.gguf", 1);
  write_llama("b.gguf", 2);
  start([](ModelPoolOptions& options) {
    options.max_loaded = 1;
    options.load_timeout = Seconds(0.6);
  });
  auto held = acquire("a");
  ASSERT_TRUE(held) << held.error().message();
  std::optional<bool> has_b;
  asio::co_spawn(
      io_,
      [&]() -> Task<void> {
        const auto lease = co_await manager_->acquire("b", {});
        has_b = lease.has_value();
      },
      [](const std::exception_ptr& error) { EXPECT_EQ(error, nullptr); });
  run_until([&] {
    return manager_->loading().size() == 1 && manager_->loading()[0].stage == "waiting for memory";
  });
  EXPECT_TRUE(manager_->loading()[0].description);
  const auto past_the_limit = std::chrono::steady_clock::now() + 1s;
  run_until([&] { return std::chrono::steady_clock::now() > past_the_limit; });
  EXPECT_FALSE(has_b);
  held->reset();
  run_until([&] { return has_b.has_value(); });
  EXPECT_TRUE(*has_b);
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
