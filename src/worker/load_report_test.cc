#include "worker/load_report.h"

#include <chrono>
#include <filesystem>
#include <thread>

#include "worker/service_fixture.h"

namespace hearth::worker {
namespace {

TEST_F(ServiceTest, Load_TellsItsStagesInTheirOrder) {
  make_llama();
  start();
  std::vector<std::string> stages;
  for (const Reply& reply : replies_) {
    if (!reply.has_progress()) continue;
    const protocol::Progress& progress = reply.progress();
    if (stages.empty() || stages.back() != progress.stage()) {
      stages.push_back(progress.stage());
      EXPECT_EQ(progress.completed(), 0U) << progress.stage();
    }
    EXPECT_EQ(reply.id(), progress.stage() == "allocating memory" ? 2U : 1U);
    if (progress.stage() != "reading weights") continue;
    EXPECT_GT(progress.total(), std::filesystem::file_size(folder_ / "tiny.gguf") / 2);
  }
  EXPECT_EQ(stages,
            (std::vector<std::string>{"reading the vocabulary", "reading weights", "allocating memory"}));
}

TEST(LoadReport, TellsEachStageAtOnceAndThenNotTooOften) {
  std::vector<std::string> told;
  LoadReport report(7, [&told](const Reply& reply) {
    EXPECT_EQ(reply.id(), 7U);
    told.push_back(fmt::format("{} {}/{}", reply.progress().stage(), reply.progress().completed(),
                               reply.progress().total()));
  });
  for (uint64_t i = 0; i < 1000; ++i) report.tell({.stage = "a", .completed_bytes = i, .total_bytes = 1000});
  report.tell({.stage = "b"});
  EXPECT_LT(told.size(), 500U);
  EXPECT_EQ(told.front(), "a 0/1000");
  EXPECT_EQ(told.back(), "b 0/0");
  std::this_thread::sleep_for(std::chrono::milliseconds(120));
  report.tell({.stage = "b", .completed_bytes = 5, .total_bytes = 9});
  EXPECT_EQ(told.back(), "b 5/9");
}

// Each tensor's bytes count once, also where they are asked for in parts.
TEST(ObservedCheckpoint, CountsWhatWasAskedFor) {
  const std::string bytes = testing::TinyLlama({}, 1).gguf().build();
  const auto file = gguf::File::parse(std::as_bytes(std::span(bytes)), "tiny.gguf");
  const models::GgufCheckpoint inner(*file);
  std::vector<models::LoadStep> steps;
  const models::OnLoadStep on_step = [&steps](const models::LoadStep& step) { steps.push_back(step); };
  const models::ObservedCheckpoint observed(inner, on_step);
  uint64_t total = 0;
  for (const gguf::TensorInfo& tensor : observed.tensors()) {
    total += tensor.size_bytes;
    for (int i = 0; i < 2; ++i) {
      ASSERT_TRUE(observed.data(tensor));
      EXPECT_EQ(steps.back().completed_bytes, total);
    }
  }
  EXPECT_EQ(steps.size(), inner.tensors().size() + 1);
  EXPECT_EQ(steps.front().completed_bytes, 0U);
  for (const models::LoadStep& step : steps) EXPECT_EQ(step.total_bytes, total);
}

}  // namespace
}  // namespace hearth::worker
