// The Embed calls of an engine process whose model is an encoder, a batch of texts at a time.
#pragma once

#include <deque>
#include <vector>

#include "base/result.h"
#include "engine/loaded_encoder.h"
#include "protocol/engine.pb.h"
#include "worker/reply_sink.h"
#include "worker/vectors.h"

namespace hearth::worker {

// Not thread-safe.
class Embeddings {
 public:
  // The encoder must outlive this.
  Embeddings(engine::LoadedEncoder& encoder, ReplySink send) : encoder_(encoder), send_(std::move(send)) {}

  // Tokenizes all texts. Errors: those of LoadedEncoder::tokenize, with the text's number; kInvalidArgument
  // for more dimensions than the model has.
  Result<void> begin(uint64_t call_id, const protocol::Embed& call);
  // False: there is no such call.
  bool cancel(uint64_t call_id);

  bool has_work() const noexcept { return !jobs_.empty(); }
  // Computes the next batch of the oldest call.
  void step();

 private:
  struct Job {
    uint64_t call_id = 0;
    VectorShape shape;
    size_t n_done = 0;
    int64_t n_tokens = 0;
    std::vector<std::vector<text::TokenId>> sequences;
    protocol::Reply reply;
  };

  Result<std::vector<text::TokenId>> tokenize(const std::string& text, bool truncate) const;

  engine::LoadedEncoder& encoder_;
  const ReplySink send_;
  std::deque<Job> jobs_;
};

}  // namespace hearth::worker
