// What all Embed calls have in common.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "models/pooling.h"
#include "protocol/engine.pb.h"
#include "text/tokenizer/tokenizer.h"

namespace hearth::worker {

// Adds the first `dimensions` numbers of a vector: at unit length, or as they are.
void add_vector(std::span<const float> numbers, size_t dimensions, models::VectorLength length,
                protocol::Vectors& vectors);

// What a call asks for. kInvalidArgument for more dimensions than `width`.
struct VectorShape {
  size_t dimensions = 0;
  models::VectorLength length = models::VectorLength::kOne;
};
Result<VectorShape> vector_shape_of(const protocol::Embed& call, int64_t width);

// A text's tokens, all of them or at most so many: what the model wants at the end of a text stays there.
std::vector<text::TokenId> tokens_of(const text::Tokenizer& tokenizer, const std::string& text,
                                     std::optional<int64_t> at_most);

}  // namespace hearth::worker
