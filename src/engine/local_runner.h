// Runs steps in this process.
#pragma once

#include <memory>

#include "engine/runner.h"
#include "models/model.h"

namespace hearth::engine {

struct LocalRunnerOptions {
  int64_t max_step_tokens = 512;
  int64_t max_step_logits = 32;
  std::vector<models::KvGroup> kv_groups;  // plan_kv_groups() of the model's layers
  int64_t n_state_slots = 1;               // if the model has recurrent layers
  models::KvTypes kv_types = {};
};

// `model` and `backend` must outlive the runner. Errors: those of KvCache::create; kResourceExhausted where
// the KV cache or the scratch memory cannot be had.
Result<std::unique_ptr<Runner>> make_local_runner(models::Model& model, tensor::Backend& backend,
                                                  const LocalRunnerOptions& options);

}  // namespace hearth::engine
