// From the vectors of a text's tokens to the one of the text.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/result.h"
#include "formats/gguf/gguf.h"

namespace hearth::models {

// The values are those of GGUF's ARCHITECTURE.pooling_type, of which 0 is none.
enum class Pooling : uint8_t {
  kMean = 1,
  kFirst = 2,  // of [CLS], where the tokenizer puts it
  kLast = 3,
};

// What the model says of itself; nothing where it says nothing, or none. kUnsupported for a kind that is not
// known.
Result<std::optional<Pooling>> declared_pooling(const gguf::KeyValues& checkpoint);

enum class VectorLength : uint8_t {
  kOne,         // divided by its length
  kAsComputed,  // the mean, or the token's own
};

// Takes the rows of a sequence's tokens as they come, in double precision.
class Pooler {
 public:
  Pooler(Pooling pooling, int64_t width);

  // The next rows, [n, width].
  void add(std::span<const float> rows);
  // Of at least one row. kMalformed where it is not finite. Zeros remain zeros.
  Result<std::vector<float>> vector(VectorLength length) const;

 private:
  Pooling pooling_;
  std::vector<double> sums_;  // or the one row
  int64_t n_rows_ = 0;
};

}  // namespace hearth::models
