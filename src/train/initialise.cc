#include "train/initialise.h"

#include <algorithm>
#include <cmath>

#include "train/random.h"

namespace hearth::train {

void initialise(const DecoderLayout& layout, uint64_t seed, std::span<float> weights) {
  constexpr double kDeviation = 0.02;
  const double of_sums = kDeviation / std::sqrt(2.0 * static_cast<double>(layout.layers.size()));
  for (size_t i = 0; i < layout.parameters.size(); ++i) {
    const Parameter& parameter = layout.parameters[i];
    const std::span<float> values =
        weights.subspan(static_cast<size_t>(parameter.begin), static_cast<size_t>(parameter.size()));
    if (!parameter.is_matrix) {
      std::fill(values.begin(), values.end(), parameter.name.ends_with(".bias") ? 0.0F : 1.0F);
      continue;
    }
    const bool is_added =
        parameter.name.ends_with("attn_output.weight") || parameter.name.ends_with("ffn_down.weight");
    const double deviation = is_added ? of_sums : kDeviation;
    Random random(seed, i);
    for (float& weight : values) weight = static_cast<float>(deviation * random.normal());
  }
}

}  // namespace hearth::train
