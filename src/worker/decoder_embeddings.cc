#include "worker/decoder_embeddings.h"

#include <utility>

namespace hearth::worker {

DecoderEmbeddings::DecoderEmbeddings(engine::Engine& engine, const text::Tokenizer& tokenizer,
                                     models::Pooling pooling, int64_t width, const GenerationLimits& limits,
                                     ReplySink send)
    : engine_(engine),
      tokenizer_(tokenizer),
      pooling_(pooling),
      width_(width),
      limits_(limits),
      send_(std::move(send)) {}

Result<void> DecoderEmbeddings::begin(uint64_t call_id, const protocol::Embed& call,
                                      std::shared_ptr<const models::LoadedAdapter> adapter) {
  if (limits_.max_waiting > 0 && static_cast<int64_t>(jobs_.size()) >= limits_.max_waiting) {
    return make_error(ErrorCode::kUnavailable,
                      "the model is busy: {} requests for vectors wait; try again later", jobs_.size());
  }
  Job job;
  HEARTH_ASSIGN(job.shape, vector_shape_of(call, width_));
  const int64_t most = engine_.context_tokens();
  for (const std::string& text : call.texts()) {
    const std::optional<int64_t> cut_to = call.truncate() ? std::optional(most) : std::nullopt;
    std::vector<text::TokenId> tokens = tokens_of(tokenizer_, text, cut_to);
    const size_t number = job.sequences.size() + 1;
    if (tokens.empty())
      return make_error(ErrorCode::kInvalidArgument, "text {}: expected at least one token, found none",
                        number);
    if (static_cast<int64_t>(tokens.size()) > most) {
      return make_error(ErrorCode::kResourceExhausted,
                        "text {}: {} tokens, and the context has {}: expected a shorter text, or a larger "
                        "context (num_ctx)",
                        number, tokens.size(), most);
    }
    job.n_tokens += static_cast<int64_t>(tokens.size());
    job.sequences.push_back(std::move(tokens));
  }
  job.vectors.resize(job.sequences.size());
  job.tenant = call.tenant();
  job.adapter = std::move(adapter);
  Job& begun = jobs_.emplace(call_id, std::move(job)).first->second;
  if (begun.sequences.empty()) {
    finish(call_id);
    return {};
  }
  // No more of one call than the engine advances at once: others wait beside it, not behind it.
  while (begun.n_submitted < begun.sequences.size() &&
         static_cast<int64_t>(begun.n_submitted) < limits_.max_sequences) {
    if (const auto submitted = submit_next(call_id, begun); !submitted) {
      forget(call_id);
      return submitted.error();
    }
  }
  return {};
}

Result<void> DecoderEmbeddings::submit_next(uint64_t call_id, Job& job) {
  engine::Request request;
  request.prompt = job.sequences[job.n_submitted];
  request.tenant = job.tenant;
  request.adapter = job.adapter;
  request.pooling = pooling_;
  auto id = engine_.submit(std::move(request));
  if (!id) return id.error().in(fmt::format("text {}", job.n_submitted + 1));
  requests_.emplace(*id, Place{call_id, job.n_submitted++});
  return {};
}

bool DecoderEmbeddings::cancel(uint64_t call_id) {
  if (!jobs_.contains(call_id)) return false;
  fail(call_id, Error(ErrorCode::kCancelled, "cancelled"));
  return true;
}

void DecoderEmbeddings::take(const engine::StepReport& report) {
  for (const engine::Event& event : report.events) {
    const auto found = requests_.find(event.request);
    if (found == requests_.end()) continue;
    const Place place = found->second;
    requests_.erase(found);
    HEARTH_CHECK(event.vector.has_value());
    if (!*event.vector) {
      fail(place.call_id, event.vector->error());
      continue;
    }
    Job& job = jobs_.at(place.call_id);
    job.vectors[place.sequence] = **event.vector;
    if (++job.n_done == job.sequences.size()) {
      finish(place.call_id);
    } else if (job.n_submitted < job.sequences.size()) {
      if (const auto submitted = submit_next(place.call_id, job); !submitted)
        fail(place.call_id, submitted.error());
    }
  }
}

void DecoderEmbeddings::finish(uint64_t call_id) {
  const Job& job = jobs_.at(call_id);
  protocol::Reply reply;
  reply.set_id(call_id);
  reply.mutable_vectors()->set_n_prompt_tokens(job.n_tokens);
  for (const std::vector<float>& vector : job.vectors)
    add_vector(vector, job.shape.dimensions, job.shape.length, *reply.mutable_vectors());
  send_(reply);
  jobs_.erase(call_id);
}

void DecoderEmbeddings::fail(uint64_t call_id, const Error& error) {
  forget(call_id);
  send_failure(send_, call_id, error);
}

void DecoderEmbeddings::forget(uint64_t call_id) {
  std::erase_if(requests_, [&](const auto& request) {
    if (request.second.call_id != call_id) return false;
    engine_.cancel(request.first);
    return true;
  });
  jobs_.erase(call_id);
}

void DecoderEmbeddings::fail_all(const Error& error) {
  while (!jobs_.empty()) fail(jobs_.begin()->first, error);
}

}  // namespace hearth::worker
