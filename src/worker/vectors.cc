#include "worker/vectors.h"

#include <cmath>

namespace hearth::worker {

void add_vector(std::span<const float> numbers, size_t dimensions, models::VectorLength length,
                protocol::Vectors& vectors) {
  const std::span<const float> kept = numbers.first(dimensions);
  double squares = 0;
  for (const float x : kept) squares += static_cast<double>(x) * static_cast<double>(x);
  const bool is_scaled = length == models::VectorLength::kOne && squares > 0;
  const double scale = is_scaled ? 1 / std::sqrt(squares) : 1;
  auto& target = *vectors.add_vectors()->mutable_numbers();
  target.Reserve(static_cast<int>(dimensions));
  for (const float x : kept) target.Add(static_cast<float>(static_cast<double>(x) * scale));
}

Result<VectorShape> vector_shape_of(const protocol::Embed& call, int64_t width) {
  if (call.dimensions() < 0 || call.dimensions() > width) {
    return make_error(ErrorCode::kInvalidArgument, "dimensions: expected 1 to {}, found {}", width,
                      call.dimensions());
  }
  return VectorShape{static_cast<size_t>(call.dimensions() == 0 ? width : call.dimensions()),
                     call.not_normalised() ? models::VectorLength::kAsComputed : models::VectorLength::kOne};
}

std::vector<text::TokenId> tokens_of(const text::Tokenizer& tokenizer, const std::string& text,
                                     std::optional<int64_t> at_most) {
  std::vector<text::TokenId> tokens = tokenizer.encode(text, {});
  if (!at_most || tokens.size() <= static_cast<size_t>(*at_most)) return tokens;
  const text::TokenId last = tokens.back();
  const bool has_end = tokenizer.token_type(last) == text::TokenType::kControl;
  tokens.resize(static_cast<size_t>(*at_most));
  if (has_end) tokens.back() = last;
  return tokens;
}

}  // namespace hearth::worker
