#include "server/models/memory_budget.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "server/models/memory.h"

namespace hearth::server {
namespace {

protocol::Memory memory(int64_t weights, int64_t kv, int64_t work) {
  protocol::Memory memory;
  memory.set_weights_bytes(weights);
  memory.set_kv_bytes(kv);
  memory.set_work_bytes(work);
  return memory;
}

TEST(RoomForModels, WithoutOthers_IsTheLesserOfMachineAndBudget) {
  EXPECT_EQ(room_for_models(100, 0, {}), 100U);
  EXPECT_EQ(room_for_models(100, 70, {}), 70U);
  EXPECT_EQ(room_for_models(50, 70, {}), 50U);
}

TEST(RoomForModels, Others_CountWithWhatTheyHaveNotTakenYet) {
  // Of its 30 of its own it holds 10 already: those are gone from what is available.
  const MemoryClaim claim{memory(20, 25, 5), 10};
  EXPECT_EQ(room_for_models(100, 0, {&claim, 1}), 100U - 20U - 20U);
  EXPECT_EQ(room_for_models(100, 80, {&claim, 1}), 80U - 50U);
  EXPECT_EQ(room_for_models(10, 0, {&claim, 1}), 0U);
}

TEST(RoomForModels, ProcessBeyondItsPromise_TakesNothingMore) {
  const MemoryClaim claim{memory(20, 25, 5), 1000};
  EXPECT_EQ(room_for_models(100, 0, {&claim, 1}), 80U);
}

TEST(ShortageMessage, Numbers_AreAllThere) {
  protocol::Opened opened;
  *opened.mutable_memory() = memory(4'100'000'000, 1'000'000'000, 100'000'000);
  opened.set_context_tokens(8192);
  EXPECT_EQ(
      shortage_message("big:latest", opened, 3'000'000'000, 3'000'000'000),
      "model 'big:latest' needs 5.2 GB of memory (weights 4.1 GB, KV cache 1.0 GB for a context of 8192 "
      "tokens, work 100.0 MB), and there are 3.0 GB for it (of 3.0 GB for all models); a smaller context, "
      "fewer "
      "requests at once or a smaller quantisation need less");
}

TEST(AvailableMemory, Machine_HasSome) {
  EXPECT_GT(available_memory_bytes(), uint64_t{1} << 20U);
  EXPECT_GT(private_memory_bytes(::getpid()), uint64_t{100'000});
  EXPECT_EQ(private_memory_bytes(-1), 0U);
}

}  // namespace
}  // namespace hearth::server
