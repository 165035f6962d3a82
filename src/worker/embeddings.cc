#include "worker/embeddings.h"

#include <algorithm>
#include <span>

namespace hearth::worker {
namespace {

constexpr size_t kTextsPerStep = 8;

}  // namespace

Result<std::vector<text::TokenId>> Embeddings::tokenize(const std::string& text, bool truncate) const {
  if (!truncate) return encoder_.tokenize(text);
  return tokens_of(encoder_.tokenizer(), text, encoder_.info().context_tokens);
}

Result<void> Embeddings::begin(uint64_t call_id, const protocol::Embed& call) {
  Job job;
  HEARTH_ASSIGN(job.shape, vector_shape_of(call, encoder_.info().width));
  job.call_id = call_id;
  for (const std::string& text : call.texts()) {
    auto tokens = tokenize(text, call.truncate());
    if (!tokens) return tokens.error().in(fmt::format("text {}", job.sequences.size() + 1));
    job.n_tokens += static_cast<int64_t>(tokens->size());
    job.sequences.push_back(std::move(*tokens));
  }
  job.reply.set_id(call_id);
  job.reply.mutable_vectors()->set_n_prompt_tokens(job.n_tokens);
  jobs_.push_back(std::move(job));
  return {};
}

bool Embeddings::cancel(uint64_t call_id) {
  const auto is_it = [&](const Job& job) { return job.call_id == call_id; };
  if (std::erase_if(jobs_, is_it) == 0) return false;
  send_failure(send_, call_id, Error(ErrorCode::kCancelled, "cancelled"));
  return true;
}

void Embeddings::step() {
  if (jobs_.empty()) return;
  Job& job = jobs_.front();
  const auto rest = std::span<const std::vector<text::TokenId>>(job.sequences).subspan(job.n_done);
  const auto batch = rest.first(std::min(rest.size(), kTextsPerStep));
  if (!batch.empty()) {
    const auto vectors = encoder_.encode(batch, job.shape.length);
    if (!vectors) {
      send_failure(send_, job.call_id, vectors.error());
      jobs_.pop_front();
      return;
    }
    for (const std::vector<float>& vector : *vectors)
      add_vector(vector, job.shape.dimensions, job.shape.length, *job.reply.mutable_vectors());
    job.n_done += batch.size();
  }
  if (job.n_done < job.sequences.size()) return;
  send_(job.reply);
  jobs_.pop_front();
}

}  // namespace hearth::worker
