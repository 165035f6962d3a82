// A ModelService that counts what passes through it: tokens, times to the first one, loads.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "metrics/server_metrics.h"
#include "server/models/model_service.h"

namespace hearth::server::admin {

// The tokens of one call, once it has ended. `tenant` is what the call bore: the id of a key, or nothing.
using OnTokens = std::function<void(const std::string& tenant, int64_t n_prompt, int64_t n_generated)>;

// Answers with `inner`, and counts. All three must outlive it. Of a call that is dropped before its end as
// many tokens are counted as were seen.
std::unique_ptr<ModelService> make_metered_models(ModelService& inner, metrics::ServerMetrics& metrics,
                                                  OnTokens on_tokens);

}  // namespace hearth::server::admin
