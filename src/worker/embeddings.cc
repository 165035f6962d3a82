#include "worker/embeddings.h"

#include <algorithm>
#include <cmath>
#include <span>

namespace hearth::worker {
namespace {

constexpr size_t kTextsPerStep = 8;

// The beginning of a unit vector, made one of unit length again.
void add_vector(std::span<const float> numbers, size_t dimensions, protocol::Vectors& vectors) {
  const std::span<const float> kept = numbers.first(dimensions);
  double squares = 0;
  for (const float x : kept) squares += static_cast<double>(x) * static_cast<double>(x);
  const bool is_cut = dimensions < numbers.size() && squares > 0;
  const double scale = is_cut ? 1 / std::sqrt(squares) : 1;
  auto& target = *vectors.add_vectors()->mutable_numbers();
  target.Reserve(static_cast<int>(dimensions));
  for (const float x : kept) target.Add(is_cut ? static_cast<float>(static_cast<double>(x) * scale) : x);
}

}  // namespace

Result<std::vector<text::TokenId>> Embeddings::tokenize(const std::string& text, bool truncate) const {
  if (!truncate) return encoder_.tokenize(text);
  std::vector<text::TokenId> tokens = encoder_.tokenizer().encode(text, {});
  const auto most = static_cast<size_t>(encoder_.info().context_tokens);
  if (tokens.size() > most) {
    // What the model wants at the end of a text stays there.
    const text::TokenId last = tokens.back();
    const bool has_end = encoder_.tokenizer().token_type(last) == text::TokenType::kControl;
    tokens.resize(most);
    if (has_end) tokens.back() = last;
  }
  return tokens;
}

Result<void> Embeddings::begin(uint64_t call_id, const protocol::Embed& call) {
  const int64_t width = encoder_.info().width;
  if (call.dimensions() < 0 || call.dimensions() > width) {
    return make_error(ErrorCode::kInvalidArgument, "dimensions: expected 1 to {}, found {}", width,
                      call.dimensions());
  }
  if (call.not_normalised())
    return Error(ErrorCode::kUnsupported, "vectors that are not of unit length: the encoder makes none");
  Job job;
  job.call_id = call_id;
  job.dimensions = static_cast<size_t>(call.dimensions() == 0 ? width : call.dimensions());
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
    const auto vectors = encoder_.encode(batch);
    if (!vectors) {
      send_failure(send_, job.call_id, vectors.error());
      jobs_.pop_front();
      return;
    }
    for (const std::vector<float>& vector : *vectors)
      add_vector(vector, job.dimensions, *job.reply.mutable_vectors());
    job.n_done += batch.size();
  }
  if (job.n_done < job.sequences.size()) return;
  send_(job.reply);
  jobs_.pop_front();
}

}  // namespace hearth::worker
