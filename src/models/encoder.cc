#include "models/encoder.h"

namespace hearth::models {
namespace {

// Tokens that are computed together at most, unless one sequence alone has more: enough for the products to
// be bound by arithmetic and not by reading weights.
constexpr size_t kMaxStepTokens = 512;

// Sequences from the beginning of `rest` that make a step.
size_t step_length(std::span<const std::vector<int32_t>> rest) {
  size_t n_tokens = 0;
  size_t n = 0;
  while (n < rest.size() && (n == 0 || n_tokens + rest[n].size() <= kMaxStepTokens)) {
    n_tokens += rest[n].size();
    ++n;
  }
  return n;
}

}  // namespace

Result<void> Encoder::check(std::span<const int32_t> tokens) const {
  if (tokens.empty())
    return make_error(ErrorCode::kInvalidArgument, "expected at least one token, found none");
  if (static_cast<int64_t>(tokens.size()) > info().context_tokens) {
    return make_error(ErrorCode::kResourceExhausted,
                      "{} tokens, and the model takes at most {}: expected a shorter text", tokens.size(),
                      info().context_tokens);
  }
  for (const int32_t token : tokens) {
    if (token < 0 || token >= info().vocabulary_size) {
      return make_error(ErrorCode::kInvalidArgument, "expected tokens from 0 to {}, found {}",
                        info().vocabulary_size - 1, token);
    }
  }
  return {};
}

Result<std::vector<std::vector<float>>> Encoder::encode(std::span<const std::vector<int32_t>> sequences,
                                                        VectorLength length) {
  for (size_t i = 0; i < sequences.size(); ++i) {
    if (const auto checked = check(sequences[i]); !checked)
      return checked.error().in(fmt::format("sequence {}", i));
  }
  std::vector<std::vector<float>> vectors;
  const auto width = static_cast<size_t>(info().width);
  for (auto rest = sequences; !rest.empty();) {
    const auto step = rest.first(step_length(rest));
    HEARTH_ASSIGN(const std::vector<float> all_rows, encode_tokens(step));
    std::span<const float> rows = all_rows;
    for (const std::vector<int32_t>& sequence : step) {
      const size_t n_floats = sequence.size() * width;
      Pooler pooler(info().pooling, info().width);
      pooler.add(rows.first(n_floats));
      HEARTH_ASSIGN(std::vector<float> vector, pooler.vector(length));
      vectors.push_back(std::move(vector));
      rows = rows.subspan(n_floats);
    }
    rest = rest.subspan(step.size());
  }
  return vectors;
}

}  // namespace hearth::models
