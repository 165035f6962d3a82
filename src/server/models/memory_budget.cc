#include "server/models/memory_budget.h"

#include <fmt/format.h>

#include <algorithm>

namespace hearth::server {
namespace {

uint64_t bytes_of(int64_t value) {
  return static_cast<uint64_t>(std::max<int64_t>(value, 0));
}

uint64_t minus(uint64_t a, uint64_t b) {
  return a - std::min(a, b);
}

// What is no file's.
uint64_t own_bytes(const protocol::Memory& memory) {
  return bytes_of(memory.kv_bytes()) + bytes_of(memory.work_bytes()) + bytes_of(memory.adapters_bytes());
}

// "4.9 GB", "12 MB": powers of ten, as discs and models are sold.
std::string text_of(uint64_t bytes) {
  if (bytes >= 1'000'000'000) return fmt::format("{:.1f} GB", static_cast<double>(bytes) / 1e9);
  if (bytes >= 1'000'000) return fmt::format("{:.1f} MB", static_cast<double>(bytes) / 1e6);
  return fmt::format("{} bytes", bytes);
}

}  // namespace

uint64_t total_bytes(const protocol::Memory& memory) {
  return bytes_of(memory.weights_bytes()) + own_bytes(memory);
}

uint64_t room_for_models(uint64_t available, uint64_t budget, std::span<const MemoryClaim> claims) {
  uint64_t still_to_come = 0;
  uint64_t promised = 0;
  for (const MemoryClaim& claim : claims) {
    still_to_come +=
        bytes_of(claim.promised.weights_bytes()) + minus(own_bytes(claim.promised), claim.private_bytes);
    promised += total_bytes(claim.promised);
  }
  const uint64_t of_machine = minus(available, still_to_come);
  return budget == 0 ? of_machine : std::min(of_machine, minus(budget, promised));
}

std::string adapter_shortage_message(const std::string& model, uint64_t need, uint64_t room) {
  return fmt::format("model '{}': its adapter needs {} of memory beside the weights, and there are {} for it",
                     model, text_of(need), text_of(room));
}

std::string shortage_message(const std::string& model, const protocol::Opened& opened, uint64_t room,
                             uint64_t budget) {
  const protocol::Memory& need = opened.memory();
  std::string message = fmt::format(
      "model '{}' needs {} of memory (weights {}, KV cache {} for a context of {} tokens, work {}), and "
      "there are {} "
      "for it",
      model, text_of(total_bytes(need)), text_of(bytes_of(need.weights_bytes())),
      text_of(bytes_of(need.kv_bytes())), opened.context_tokens(), text_of(bytes_of(need.work_bytes())),
      text_of(room));
  if (budget > 0) message += fmt::format(" (of {} for all models)", text_of(budget));
  return message + "; a smaller context, fewer requests at once or a smaller quantisation need less";
}

}  // namespace hearth::server
