// What a caller asks of the engine, and what comes back.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sampling/sampler.h"
#include "text/tokenizer/tokenizer.h"

namespace hearth::engine {

using RequestId = uint64_t;

// A prompt to continue.
struct Request {
  std::vector<text::TokenId> prompt;  // at least one token, each in the vocabulary
  sampling::SamplingOptions sampling;
  int64_t max_tokens =
      -1;  // tokens to generate (Ollama's num_predict); -1: until the answer or the context ends
  std::vector<std::string> stop;  // strings that end the answer and are no part of it
  bool ignore_end = false;        // go on past end-of-generation tokens (benchmarks)
  uint64_t tenant = 0;            // only requests of one tenant share cached prefixes
};

enum class FinishReason {
  kStop,       // the model ended its answer, or a stop string came
  kLength,     // max_tokens reached
  kContext,    // the context is full
  kCancelled,  // cancel() was called
};

// One token of one request, or its end.
struct Event {
  RequestId request = 0;
  std::optional<text::TokenId> token;  // absent when the request ended without one
  std::string text;                    // whole characters that may be shown now; may be empty
  std::optional<FinishReason> finish;  // set on the request's last event
};

}  // namespace hearth::engine
