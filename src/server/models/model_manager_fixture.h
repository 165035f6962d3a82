// Models in a folder and a manager of them, whose engines are processes of the built program.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "backends/cpu/cpu_backend.h"
#include "engine/loaded_model.h"
#include "server/models/model_manager.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tiny_bert.h"
#include "tests/support/tiny_llama.h"

namespace hearth::server {

namespace asio = boost::asio;
using namespace std::chrono_literals;

inline constexpr auto kPatience = 60s;

inline protocol::Call generation(const std::string& text, int64_t n_tokens) {
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

inline Task<Outcome> outcome_of(EngineCall& call) {
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
    hearth::testing::TinyLlamaShape shape;
    shape.context_tokens = context_tokens;
    hearth::testing::TinyLlama(shape, seed).gguf().write(folder_ / name);
  }
  void write_bert(const std::string& name) { hearth::testing::TinyBert({}, 1).gguf().write(folder_ / name); }

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
  // Begins to, and goes on while something is run. Whether it was loaded, once that is known; the lease is
  // let go at once.
  std::shared_ptr<std::optional<bool>> begin_acquire(std::string name, LoadWish wish = {}) {
    auto has_it = std::make_shared<std::optional<bool>>();
    asio::co_spawn(
        io_,
        [this, has_it, name = std::move(name), wish]() -> Task<void> {
          const auto lease = co_await manager_->acquire(name, wish);
          *has_it = lease.has_value();
        },
        [](const std::exception_ptr& error) { EXPECT_EQ(error, nullptr); });
    return has_it;
  }
  void run_until_it_waits_for_memory() {
    run_until([this] {
      return manager_->loading().size() == 1 && manager_->loading()[0].stage == "waiting for memory";
    });
  }
  Outcome answer(EngineLease& lease, protocol::Call call) {
    const auto running = lease.call(std::move(call));
    return run<Outcome>([&] { return outcome_of(*running); });
  }

  // What the engine says in this process; with an adapter, where a file of one is named.
  std::string expected_text(const std::string& name, const std::string& prompt, int64_t n_tokens,
                            const std::string& adapter = "") {
    auto loaded = engine::LoadedModel::load(folder_ / name, *cpu::make_cpu_backend({*choose_isa(), 1}),
                                            {.context_tokens = 256});
    engine::Request request;
    request.prompt = (*loaded)->tokenizer().encode(prompt, {});
    request.sampling.temperature = 0;
    request.max_tokens = n_tokens;
    request.ignore_end = true;
    if (!adapter.empty()) request.adapter = *(*loaded)->load_adapter(folder_ / adapter);
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

  std::string bytes_of(const std::string& file) {
    std::ostringstream bytes;
    bytes << std::ifstream(folder_ / file, std::ios::binary).rdbuf();
    return bytes.str();
  }

  // A model of the store whose weights are those of a tiny one; `adapter`: a file of the folder.
  void store_llama(const std::string& name, uint32_t seed, const std::string& adapter = "") {
    write_llama("weights", seed);
    const std::string weights = bytes_of("weights");
    std::filesystem::remove(folder_ / "weights");
    const auto store = store::Store::open(folder_.path());
    store::Manifest manifest;
    manifest.config = {std::string(store::media_type::kConfig), *store->write_blob("{}"), 2, "", ""};
    manifest.layers = {
        {std::string(store::media_type::kModel), *store->write_blob(weights), weights.size(), "", ""}};
    if (!adapter.empty()) {
      const std::string bytes = bytes_of(adapter);
      manifest.layers.push_back(
          {std::string(store::media_type::kAdapter), *store->write_blob(bytes), bytes.size(), "", ""});
    }
    ASSERT_TRUE(store->write_manifest(*store::ModelName::parse(name), manifest.serialise()));
  }

  hearth::testing::TemporaryFolder folder_;
  std::vector<store::PublicKey> trusted_keys_;
  asio::io_context io_;
  std::unique_ptr<ModelManager> manager_;
};

}  // namespace hearth::server
