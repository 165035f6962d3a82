// What an engine process says while it loads a model.
#pragma once

#include <chrono>
#include <string>

#include "models/load_step.h"
#include "worker/reply_sink.h"

namespace hearth::worker {

// Tells the caller of call `id` of each stage when it begins, and ten times a second how far it is.
class LoadReport {
 public:
  LoadReport(uint64_t id, ReplySink send) : id_(id), send_(std::move(send)) {}

  void tell(const models::LoadStep& step);

 private:
  using Clock = std::chrono::steady_clock;

  const uint64_t id_;
  const ReplySink send_;
  std::string stage_;
  Clock::time_point told_;
};

}  // namespace hearth::worker
