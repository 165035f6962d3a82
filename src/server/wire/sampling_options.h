// Sampling options under the names that Ollama, llama.cpp and vLLM have in common, for every API.
#pragma once

#include <span>
#include <string_view>

#include "protocol/engine.pb.h"
#include "server/wire/json_body.h"

namespace hearth::server::wire {

// Reads those of the object's members that are options of the sampling: temperature, top_k, seed, ..., dry_*,
// mirostat*, samplers (a text or a list of names) and logit_bias ({"token": bias} or [[token, bias], ...],
// where false stands for "never"). What is wrong is noted in the body. `object` may be absent.
void read_sampling(const Field& object, protocol::Sampling& sampling);

// Whether a member of that name is read.
bool is_sampling_option(std::string_view name) noexcept;

}  // namespace hearth::server::wire
