#include "models/pooling.h"

#include <algorithm>
#include <cmath>

#include "models/config_reader.h"

namespace hearth::models {

Result<std::optional<Pooling>> declared_pooling(const gguf::KeyValues& checkpoint) {
  const ConfigReader reader(checkpoint);
  HEARTH_ASSIGN(const int64_t type, reader.count_or("pooling_type", 0));
  if (type == 0) return std::optional<Pooling>();
  for (const Pooling known : {Pooling::kMean, Pooling::kFirst, Pooling::kLast}) {
    if (type == static_cast<int64_t>(known)) return std::optional(known);
  }
  return Error(
      ErrorCode::kUnsupported,
      reader.error("pooling_type", "0 (none), 1 (mean), 2 (first token) or 3 (last token)", type).message());
}

Pooler::Pooler(Pooling pooling, int64_t width) : pooling_(pooling), sums_(static_cast<size_t>(width)) {
  HEARTH_CHECK(width > 0);
}

void Pooler::add(std::span<const float> rows) {
  const size_t width = sums_.size();
  HEARTH_CHECK(rows.size() % width == 0);
  const auto n_rows = static_cast<int64_t>(rows.size() / width);
  if (n_rows == 0) return;
  const bool has_first = n_rows_ > 0;
  n_rows_ += n_rows;
  if (pooling_ == Pooling::kMean) {
    for (size_t i = 0; i < rows.size(); ++i) sums_[i % width] += static_cast<double>(rows[i]);
  } else if (pooling_ == Pooling::kLast || !has_first) {
    const auto row = pooling_ == Pooling::kLast ? rows.last(width) : rows.first(width);
    std::copy(row.begin(), row.end(), sums_.begin());
  }
}

Result<std::vector<float>> Pooler::vector(VectorLength length) const {
  HEARTH_CHECK(n_rows_ > 0);
  double squares = 0.0;
  for (const double sum : sums_) squares += sum * sum;
  if (!std::isfinite(squares)) {
    return make_error(ErrorCode::kMalformed,
                      "the model computes numbers that are not finite; its file is damaged");
  }
  // The length takes the mean's divisor out again.
  double scale = pooling_ == Pooling::kMean ? 1.0 / static_cast<double>(n_rows_) : 1.0;
  if (length == VectorLength::kOne) scale = squares > 0.0 ? 1.0 / std::sqrt(squares) : 0.0;
  std::vector<float> vector(sums_.size());
  std::transform(sums_.begin(), sums_.end(), vector.begin(),
                 [&](double sum) { return static_cast<float>(sum * scale); });
  return vector;
}

}  // namespace hearth::models
