// Answers the calls of the front: one model, opened and started by it.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "protocol/engine.pb.h"
#include "worker/adapters.h"
#include "worker/backend_factory.h"
#include "worker/constraints.h"
#include "worker/decoder_embeddings.h"
#include "worker/embeddings.h"
#include "worker/generations.h"
#include "worker/opened_model.h"
#include "worker/reply_sink.h"

namespace hearth::worker {

struct ServiceOptions {
  std::string sandbox;  // what the process is sealed by
  BackendFactory make_backend;
  int n_default_threads = 1;
};

// An error ends its call and no other. Not thread-safe.
class Service {
 public:
  Service(ServiceOptions options, ReplySink send) : options_(std::move(options)), send_(std::move(send)) {}

  // Takes over the descriptors that Open, Quantize and LoadAdapter name.
  void handle(const protocol::Call& call);

  bool has_work() const noexcept;
  // Goes on with what has been called for, by a step of the engine at most.
  void step();

 private:
  Result<void> answer(const protocol::Call& call);
  Result<void> open(uint64_t id, const protocol::Open& open);
  Result<void> start(uint64_t id, const protocol::Start& start);
  Result<void> generate(uint64_t id, const protocol::Generate& call);
  Result<void> embed(uint64_t id, const protocol::Embed& call);
  Result<void> load_adapter(uint64_t id, const protocol::LoadAdapter& call);
  Result<void> quantize(uint64_t id, const protocol::Quantize& call);
  Result<void> detokenize(uint64_t id, const protocol::Detokenize& call);
  void cancel(const protocol::Cancel& cancel);
  void step_engine();
  // Those whose grammars have been compiled.
  void begin_prepared();
  bool computes() const noexcept;
  Result<OpenedModel*> model() const;
  Result<OpenedModel*> started_model() const;
  Result<void> reopen(uint64_t id, const protocol::StartOptions& options);

  const ServiceOptions options_;
  const ReplySink send_;
  InheritedFiles files_;
  std::string path_;           // the model's among them
  std::string chat_template_;  // in the place of the model's own; empty: none is
  std::string opened_with_;    // the options, as bytes
  // In the order in which they need each other.
  std::unique_ptr<OpenedModel> model_;
  Adapters adapters_;
  std::optional<Generations> generations_;               // of a model that writes texts
  std::optional<Constraints> constraints_;               // on them
  std::optional<DecoderEmbeddings> decoder_embeddings_;  // of such a model's too, if it can be pooled
  std::optional<Embeddings> embeddings_;                 // of an encoder
};

}  // namespace hearth::worker
