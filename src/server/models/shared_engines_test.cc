// Against the built program: models of the same weights in one engine, each with its adapter.
#include <gtest/gtest.h>
#include <signal.h>

#include <fstream>
#include <map>
#include <set>

#include "models/adapter/lora_gguf.h"
#include "server/models/memory_budget.h"
#include "server/models/model_manager_fixture.h"
#include "tests/support/random_adapter.h"

namespace hearth::server {
namespace {

class SharedEnginesTest : public ModelManagerTest {
 protected:
  // Of the weights of seed 1, in a file of the folder that no model is made of.
  void write_adapter(const std::string& name, uint32_t seed, const std::vector<std::string>& targets) {
    if (!std::filesystem::exists(folder_ / "base")) write_llama("base", 1);
    const auto base = models::open_checkpoint(folder_ / "base");
    ASSERT_TRUE(base) << base.error().message();
    const auto adapter = hearth::testing::random_adapter(**base, targets, 3, seed);
    ASSERT_TRUE(models::write_gguf_adapter(folder_ / name, adapter, "llama"));
  }
  // base, and three that are it with an adapter.
  void store_family() {
    store_llama("base", 1);
    for (const uint32_t seed : {1U, 2U, 3U}) {
      const std::string number = std::to_string(seed);
      write_adapter("adapter" + number, seed, hearth::testing::kLlamaTargets);
      store_llama("tuned" + number, 1, "adapter" + number);
    }
  }
  std::string expected(const std::string& adapter, const std::string& prompt, int64_t n_tokens) {
    return expected_text("base", prompt, n_tokens, adapter);
  }
  uint64_t needed_by(const std::string& name) {
    const auto lease = acquire(name);
    EXPECT_TRUE(lease);
    uint64_t sum = 0;
    for (const RunningModel& model : manager_->running()) sum += total_bytes(model.description.memory());
    return sum;
  }
};

TEST_F(SharedEnginesTest, ModelsOfTheSameWeights_AnswerInOneEngineEachWithItsAdapter) {
  store_family();
  start();
  const std::map<std::string, std::string> adapters = {
      {"tuned1", "adapter1"}, {"base", ""}, {"tuned2", "adapter2"}, {"tuned3", "adapter3"}};
  std::vector<std::unique_ptr<EngineLease>> leases;
  std::vector<std::unique_ptr<EngineCall>> calls;
  std::vector<std::string> texts;
  for (const auto& [name, adapter] : adapters) {
    auto lease = acquire(name);
    ASSERT_TRUE(lease) << lease.error().message();
    calls.push_back((*lease)->call(generation("Hello", 40)));
    leases.push_back(std::move(*lease));
  }
  EXPECT_EQ(engines().size(), 1U);
  for (const auto& running : calls) {
    const Outcome outcome = run<Outcome>([&] { return outcome_of(*running); });
    EXPECT_FALSE(outcome.failure) << outcome.failure->message();
    texts.push_back(outcome.text);
  }
  size_t i = 0;
  for (const auto& [name, adapter] : adapters) EXPECT_EQ(texts[i++], expected(adapter, "Hello", 40)) << name;
  EXPECT_EQ((std::set<std::string>(texts.begin(), texts.end()).size()), 4U);
}

TEST_F(SharedEnginesTest, LoadsAtOnce_ShareWhatBothNeed) {
  store_family();
  store_llama("also-tuned1", 1, "adapter1");
  start();
  std::vector<std::shared_ptr<std::optional<bool>>> all;
  for (const char* name : {"tuned1", "base", "also-tuned1", "tuned2"})
    all.push_back(begin_acquire(name, {.context_tokens = {}, .keep_alive = Seconds(-1)}));
  run_until([&] { return std::ranges::all_of(all, [](const auto& has_it) { return has_it->has_value(); }); });
  for (const auto& has_it : all) EXPECT_TRUE(**has_it);
  EXPECT_EQ(engines().size(), 1U);
  EXPECT_EQ(answer(**acquire("also-tuned1"), generation("Hello", 20)).text,
            expected("adapter1", "Hello", 20));
}

// What was created of a file in place is that file, under a second name.
TEST_F(SharedEnginesTest, ModelOfTheStoreThatIsAFileBesideIt_SharesItsEngine) {
  store_family();
  const auto store = store::Store::open(folder_.path());
  const std::filesystem::path blob = store->blob_path(store::Digest::of(bytes_of("base")));
  std::filesystem::create_hard_link(blob, folder_ / "beside.gguf");
  std::filesystem::copy_file(blob, folder_ / "copy.gguf");
  start();
  ASSERT_TRUE(acquire("beside"));
  EXPECT_EQ(answer(**acquire("tuned1"), generation("Hello", 20)).text, expected("adapter1", "Hello", 20));
  EXPECT_EQ(engines().size(), 1U);
  ASSERT_TRUE(acquire("copy"));
  EXPECT_EQ(engines().size(), 2U);
}

// The engine is told of once, and each adapter with its model.
TEST_F(SharedEnginesTest, Memory_IsToldOfOnce) {
  store_family();
  start();
  for (const char* name : {"tuned1", "base", "tuned2"}) ASSERT_TRUE(acquire(name));
  int64_t weights_bytes = 0;
  for (const RunningModel& model : manager_->running()) {
    const protocol::Memory& memory = model.description.memory();
    weights_bytes += memory.weights_bytes();
    const bool is_base = model.entry.name == "base:latest";
    EXPECT_EQ(memory.weights_bytes() > 0, is_base) << model.entry.name;
    EXPECT_EQ(memory.adapters_bytes() > 0, !is_base) << model.entry.name;
  }
  EXPECT_GT(weights_bytes, 0);
  ASSERT_TRUE(*manager_->unload("base"));
  EXPECT_EQ(manager_->running()[0].description.memory().weights_bytes(), weights_bytes);
}

// A new version of a model: another adapter in the place of the old, while others answer.
TEST_F(SharedEnginesTest, NewAdapter_TakesTheOldOnesPlaceInTheRunningEngine) {
  store_family();
  start();
  const auto base = acquire("base");
  const pid_t engine = engines().at(0);
  const auto going_on = (*base)->call(generation("Hello", 200));
  EXPECT_EQ(answer(**acquire("tuned1"), generation("Hello", 20)).text, expected("adapter1", "Hello", 20));
  store_llama("tuned1", 1, "adapter2");
  EXPECT_EQ(answer(**acquire("tuned1"), generation("Hello", 20)).text, expected("adapter2", "Hello", 20));
  EXPECT_EQ(run<Outcome>([&] { return outcome_of(*going_on); }).text, expected("", "Hello", 200));
  EXPECT_EQ(engines(), std::vector<pid_t>{engine});
}

TEST_F(SharedEnginesTest, Engine_EndsWithItsLastModel) {
  store_family();
  start();
  for (const char* name : {"base", "tuned1", "tuned2"}) ASSERT_TRUE(acquire(name));
  ASSERT_TRUE(*manager_->unload("base"));
  ASSERT_TRUE(*manager_->unload("tuned1"));
  EXPECT_EQ(answer(**acquire("tuned2"), generation("Hello", 20)).text, expected("adapter2", "Hello", 20));
  EXPECT_EQ(engines().size(), 1U);
  ASSERT_TRUE(*manager_->unload("tuned2"));
  run_until([&] { return engines().empty(); });
  EXPECT_TRUE(manager_->running().empty());
}

TEST_F(SharedEnginesTest, EngineThatIsKilled_TakesItsModelsAlong) {
  store_family();
  store_llama("other", 2);
  start();
  for (const char* name : {"base", "tuned1"}) ASSERT_TRUE(acquire(name));
  const pid_t engine = engines().at(0);
  ASSERT_TRUE(acquire("other"));
  ::kill(engine, SIGKILL);
  run_until([&] { return manager_->running().size() == 1; });
  EXPECT_TRUE(is_running("other:latest"));
  EXPECT_EQ(answer(**acquire("tuned1"), generation("Hello", 20)).text, expected("adapter1", "Hello", 20));
}

TEST_F(SharedEnginesTest, OtherWeightsOrMoreContext_HaveAnEngineOfTheirOwn) {
  store_family();
  store_llama("other", 2);
  start();
  ASSERT_TRUE(acquire("tuned1"));
  ASSERT_TRUE(acquire("other"));
  EXPECT_EQ(engines().size(), 2U);
  auto larger = acquire("base", {.context_tokens = 1024, .keep_alive = {}});
  ASSERT_TRUE(larger);
  EXPECT_EQ((*larger)->description().context_tokens(), 1024);
  EXPECT_EQ(engines().size(), 3U);
  EXPECT_EQ(answer(**larger, generation("Hello", 20)).text, expected("", "Hello", 20));
}

TEST_F(SharedEnginesTest, AdapterThatIsNotForTheWeights_FailsItsModelAlone) {
  store_family();
  std::ofstream(folder_ / "broken") << "no adapter";
  store_llama("broken", 1, "broken");
  start();
  const auto base = acquire("base");
  const auto refused = acquire("broken");
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message().find("adapter.gguf"), std::string::npos) << refused.error().message();
  EXPECT_EQ(answer(**base, generation("Hello", 20)).text, expected("", "Hello", 20));
  EXPECT_EQ(answer(**acquire("tuned1"), generation("Hello", 20)).text, expected("adapter1", "Hello", 20));
  EXPECT_EQ(engines().size(), 1U);
}

// One place is enough for all of them, and an engine that one of them works in is not idle.
TEST_F(SharedEnginesTest, OnePlace_IsEnoughForAllModelsOfTheWeights) {
  store_family();
  store_llama("other", 2);
  start([](ModelPoolOptions& options) { options.max_loaded = 1; });
  ASSERT_TRUE(acquire("base"));
  auto working = acquire("tuned1");
  ASSERT_TRUE(working);
  const auto has_other = begin_acquire("other", {.context_tokens = {}, .keep_alive = Seconds(-1)});
  run_until_it_waits_for_memory();
  EXPECT_TRUE(is_running("base:latest"));
  working->reset();
  run_until([&] { return has_other->has_value(); });
  EXPECT_EQ(manager_->running().size(), 1U);
  EXPECT_TRUE(is_running("other:latest"));
}

TEST_F(SharedEnginesTest, AdapterBeyondTheBudget_MakesRoomOrIsRefused) {
  store_family();
  start();
  const uint64_t base = needed_by("base");
  const uint64_t one = needed_by("tuned1");
  ASSERT_GT(one, base);
  // Room for one adapter (before it is loaded, twice its file), and not for two.
  start([&](ModelPoolOptions& options) { options.memory_bytes = base + (one - base) * 5 / 2; });
  const auto held = acquire("base");
  ASSERT_TRUE(acquire("tuned1"));
  ASSERT_TRUE(acquire("tuned2"));
  EXPECT_FALSE(is_running("tuned1:latest"));
  EXPECT_TRUE(is_running("base:latest"));

  start([&](ModelPoolOptions& options) { options.memory_bytes = base + (one - base) / 2; });
  const auto refused = acquire("tuned1");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kResourceExhausted);
  EXPECT_NE(refused.error().message().find("its adapter needs"), std::string::npos)
      << refused.error().message();
}

}  // namespace
}  // namespace hearth::server
