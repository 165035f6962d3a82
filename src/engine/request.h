// What a caller asks of the engine, and what comes back.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "models/adapter/loaded_adapter.h"
#include "models/pooling.h"
#include "sampling/sampler.h"
#include "text/grammar/matcher.h"
#include "text/tokenizer/tokenizer.h"

namespace hearth::engine {

using RequestId = uint64_t;

constexpr int64_t kMaxTopLogprobs = 20;

// A prompt to continue.
struct Request {
  std::vector<text::TokenId> prompt;  // at least one token, each in the vocabulary
  sampling::SamplingOptions sampling;
  int64_t max_tokens =
      -1;  // tokens to generate (Ollama's num_predict); -1: until the answer or the context ends
  std::vector<std::string> stop;  // strings that end the answer and are no part of it
  bool ignore_end = false;        // go on past end-of-generation tokens (benchmarks)
  // Whose request it is, in any bytes. Only requests of one tenant share cached prefixes, and the engine is
  // divided among tenants, not among requests.
  std::string tenant;
  // Prompt and answer together have at most so many tokens (num_ctx); 0 or more than the engine's context:
  // what the engine has.
  int64_t context_tokens = 0;
  bool logprobs = false;     // each token's event says how probable it was
  int64_t top_logprobs = 0;  // and which were the most probable, up to kMaxTopLogprobs; needs logprobs
  // The prompt's vector is wanted, as computed, and no answer: of the request, only prompt and tenant count,
  // and its one event brings the vector.
  std::optional<models::Pooling> pooling;
  // Control tokens whose names are part of the answer's text, while all others leave nothing in it: the marks
  // that a text::ReasoningParser looks for (text::mark_tokens()).
  std::vector<text::TokenId> visible_control_tokens;
  // What the answer must match; null: it is free. Made for the engine's vocabulary and these
  // visible_control_tokens. The answer ends by itself where nothing can follow, and text that must follow is
  // taken without asking the model for each token, unless logprobs are wanted. max_tokens, stop strings and
  // the end of the context cut it as they do any.
  std::shared_ptr<text::grammar::TokenGrammar> grammar;
  // What is added to the model's weights for this request alone; null: nothing. Only requests of one adapter
  // share cached prefixes.
  std::shared_ptr<const models::LoadedAdapter> adapter;
};

enum class FinishReason {
  kStop,       // the model ended its answer, or a stop string came
  kLength,     // max_tokens reached
  kContext,    // the context is full
  kCancelled,  // cancel() was called
  kEmbedded,   // it wanted a vector, and has it
  kFailed,     // Event::failure says why
};

// How far a request is.
struct RequestStatus {
  int64_t n_prompt_tokens = 0;
  int64_t n_cached_tokens = 0;     // of the prompt, taken from the prefix cache; known once admitted
  int64_t n_evaluated_tokens = 0;  // of prompt and answer, cached ones included; less after a preemption
  int64_t n_generated_tokens = 0;
  bool admitted = false;  // it has had its turn: it runs, or was preempted and will go on
};

// The natural logarithm of a token's probability as the model gave it: the softmax of the raw logits, before
// biases, penalties, filters and temperature.
struct TokenLogprob {
  text::TokenId token = 0;
  std::string bytes;  // of the token, those of a control token's name too; may end within a character
  float logprob = 0.0F;
};

struct Logprobs {
  TokenLogprob chosen;
  std::vector<TokenLogprob>
      top;  // Request::top_logprobs of them, descending; `chosen` need not be among them
};

// One token of one request, or its end.
struct Event {
  RequestId request = 0;
  std::optional<text::TokenId> token;  // absent when the request ended without one
  std::string text;                    // whole characters that may be shown now; may be empty
  std::optional<FinishReason> finish;  // set on the request's last event
  std::string stop;                    // the stop string that ended the answer, if one did
  // Of `token`, where asked for, also if its text is held back. Absent for the token by which the model ends
  // its answer, which is no part of it.
  std::optional<Logprobs> logprobs;
  // Of a request with pooling; kMalformed where the model's numbers are not finite.
  std::optional<Result<std::vector<float>>> vector;
  // Of the last event of a request that could not go on, and that alone: a grammar turned out to be too
  // ambiguous.
  std::optional<Error> failure;
  RequestStatus status;  // after this event
};

}  // namespace hearth::engine
