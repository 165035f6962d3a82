// Against the built program: engine processes as a server starts them.
#include "server/models/model_manager.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>

#include "backends/cpu/cpu_backend.h"
#include "engine/loaded_model.h"
#include "server/models/engine_process.h"
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
    options.pool.executable = HEARTH_PROGRAM;
    options.pool.start.set_max_sequences(4);
    options.pool.start.set_n_threads(1);
    options.pool.start.set_context_tokens(256);
    options.pool.available_bytes = [] { return uint64_t{1} << 40U; };
    if (change) change(options.pool);
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
      for (const engine::Event& event : (*loaded)->engine().step()->events) text += event.text;
    }
    return text;
  }

  TemporaryFolder folder_;
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

}  // namespace
}  // namespace hearth::server
