// Against the built program: which models are loaded when, and what makes room for another.
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
  const auto has_b = begin_acquire("b");
  run_until_it_waits_for_memory();
  EXPECT_FALSE(*has_b);
  held->reset();
  run_until([&] { return has_b->has_value(); });
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

// As `oras push` writes it: what is what is said by the names of files alone.
TEST_F(ModelManagerTest, ArtifactOfAnotherTool_IsLoaded) {
  write_llama("tiny.gguf", 1);
  const std::string expected = expected_text("tiny.gguf", "Hello", 20);
  const std::string weights = bytes_of("tiny.gguf");
  std::filesystem::remove(folder_ / "tiny.gguf");
  const auto store = store::Store::open(folder_.path());
  const std::string manifest = fmt::format(
      R"({{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",)"
      R"("artifactType":"application/vnd.unknown.artifact.v1","config":{{"mediaType":"application/vnd.oci.empty.v1+json",)"
      R"("digest":"{}","size":2,"data":"e30="}},"layers":[{{"mediaType":"application/vnd.oci.image.layer.v1.tar",)"
      R"("digest":"{}","size":{},"annotations":{{"org.opencontainers.image.title":"tiny-f32.gguf"}}}}]}})",
      store->write_blob("{}")->text(), store->write_blob(weights)->text(), weights.size());
  ASSERT_TRUE(store->write_manifest(*store::ModelName::parse("registry.example/team/tiny"), manifest));
  start();
  EXPECT_EQ(answer(**acquire("registry.example/team/tiny"), generation("Hello", 20)).text, expected);
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
  const auto has_b = begin_acquire("b");
  run_until_it_waits_for_memory();
  EXPECT_TRUE(manager_->loading()[0].description);
  const auto past_the_limit = std::chrono::steady_clock::now() + 1s;
  run_until([&] { return std::chrono::steady_clock::now() > past_the_limit; });
  EXPECT_FALSE(*has_b);
  held->reset();
  run_until([&] { return has_b->has_value(); });
  EXPECT_TRUE(**has_b);
}

}  // namespace
}  // namespace hearth::server
