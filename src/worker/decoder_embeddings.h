// The Embed calls of an engine process whose model writes texts: requests to its engine, beside those for
// answers.
#pragma once

#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "engine/engine.h"
#include "protocol/engine.pb.h"
#include "worker/generations.h"
#include "worker/reply_sink.h"
#include "worker/vectors.h"

namespace hearth::worker {

// Not thread-safe.
class DecoderEmbeddings {
 public:
  // Engine and tokenizer must outlive this. `width` is that of the model's vectors.
  DecoderEmbeddings(engine::Engine& engine, const text::Tokenizer& tokenizer, models::Pooling pooling,
                    int64_t width, const GenerationLimits& limits, ReplySink send);

  // Tokenizes all texts and hands the first ones to the engine. Errors, with the text's number:
  // kInvalidArgument for one without tokens, kResourceExhausted for one that the context does not hold;
  // kInvalidArgument for more dimensions than the model has; kUnavailable where too many calls wait already.
  // `adapter`: that the texts are evaluated with; null: none.
  Result<void> begin(uint64_t call_id, const protocol::Embed& call,
                     std::shared_ptr<const models::LoadedAdapter> adapter = nullptr);
  // False: there is no such call.
  bool cancel(uint64_t call_id);

  // What a step of the engine brought, of which the vectors are taken.
  void take(const engine::StepReport& report);
  // The step failed, and with it all calls.
  void fail_all(const Error& error);

 private:
  struct Job {
    std::string tenant;
    std::shared_ptr<const models::LoadedAdapter> adapter;
    VectorShape shape;
    std::vector<std::vector<text::TokenId>> sequences;
    std::vector<std::vector<float>> vectors;  // of each sequence, once it is there
    size_t n_submitted = 0;
    size_t n_done = 0;
    int64_t n_tokens = 0;
  };
  struct Place {
    uint64_t call_id = 0;
    size_t sequence = 0;
  };

  Result<void> submit_next(uint64_t call_id, Job& job);
  void finish(uint64_t call_id);
  void fail(uint64_t call_id, const Error& error);
  void forget(uint64_t call_id);

  engine::Engine& engine_;
  const text::Tokenizer& tokenizer_;
  const models::Pooling pooling_;
  const int64_t width_;
  const GenerationLimits limits_;
  const ReplySink send_;
  std::map<uint64_t, Job> jobs_;
  std::unordered_map<engine::RequestId, Place> requests_;  // that the engine works on
};

}  // namespace hearth::worker
