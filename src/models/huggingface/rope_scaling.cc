#include "models/huggingface/rope_scaling.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace hearth::models {
namespace {

class RopeReader {
 public:
  RopeReader(const HuggingFaceConfig& scaling, const RopeInput& input, double base, OwnedMetadata& metadata)
      : scaling_(scaling), input_(input), base_(base), metadata_(metadata) {
    output_.context_tokens = input.context_tokens;
  }

  Result<RopeOutput> read(const std::string& type) {
    scaling_.ignore({"type", "rope_type", "rope_theta"});
    if (type == "linear") {
      HEARTH_TRY(read_linear());
    } else if (type == "llama3") {
      HEARTH_TRY(read_llama3());
    } else if (type == "yarn") {
      HEARTH_TRY(read_yarn());
    } else if (type == "longrope" || type == "su") {
      HEARTH_TRY(read_longrope());
    } else if (type != "default") {
      return scaling_.unsupported(scaling_.has("rope_type") ? "rope_type" : "type",
                                  "default, linear, llama3, yarn or longrope");
    }
    HEARTH_TRY(scaling_.check_all_known());
    return std::move(output_);
  }

 private:
  std::string key(std::string_view name) const {
    return fmt::format("{}.rope.scaling.{}", input_.architecture, name);
  }
  Result<double> positive(std::string_view name, std::optional<double> fallback = {}) const {
    HEARTH_ASSIGN(const std::optional<double> found, scaling_.number(name));
    const std::optional<double> value = found ? found : fallback;
    if (!value) return scaling_.required_number(name);
    if (*value > 0) return *value;
    return scaling_.unsupported(name, "a positive number");
  }
  // Where the scaling itself does not say it: what the configuration says, else the context.
  Result<uint32_t> original_context() const {
    const uint32_t outer =
        input_.original_context_tokens > 0 ? input_.original_context_tokens : input_.context_tokens;
    HEARTH_ASSIGN(const uint32_t original, scaling_.count("original_max_position_embeddings", outer));
    if (original > 0) return original;
    return scaling_.unsupported("original_max_position_embeddings", "a positive number");
  }

  Result<void> read_linear() {
    HEARTH_ASSIGN(const double factor, positive("factor"));
    metadata_.add(key("type"), "linear");
    metadata_.add(key("factor"), factor);
    return {};
  }

  Result<void> read_llama3() {
    Llama3Scaling llama3;
    HEARTH_ASSIGN(llama3.factor, positive("factor"));
    HEARTH_ASSIGN(llama3.low_freq_factor, positive("low_freq_factor"));
    HEARTH_ASSIGN(llama3.high_freq_factor, positive("high_freq_factor"));
    if (!(llama3.high_freq_factor > llama3.low_freq_factor)) {
      return scaling_.unsupported("high_freq_factor", "more than low_freq_factor");
    }
    HEARTH_ASSIGN(const uint32_t original, original_context());
    llama3.original_context_tokens = original;
    output_.tables["rope_freqs.weight"] = llama3_divisors(llama3, base_, input_.n_rotated);
    return {};
  }

  // A configuration that only adds the scaling, as Qwen's advice has it, leaves max_position_embeddings at
  // the original context.
  Result<void> read_yarn() {
    HEARTH_ASSIGN(const double factor, positive("factor"));
    if (factor < 1) return scaling_.unsupported("factor", "at least 1");
    HEARTH_ASSIGN(const uint32_t original, original_context());
    HEARTH_TRY(scaling_.expect("truncate", true));
    for (const char* name : {"mscale", "mscale_all_dim"}) {
      if (scaling_.has(name)) return scaling_.unsupported(name, "nothing");
    }
    metadata_.add(key("type"), "yarn");
    metadata_.add(key("factor"), factor);
    metadata_.add(key("original_context_length"), original);
    // GGUF's factor multiplies the stretch that the paper gives; this one takes its place.
    const double stretch = 0.1 * std::log(factor) + 1.0;
    HEARTH_ASSIGN(const double magnitude, positive("attention_factor", stretch));
    metadata_.add(key("attn_factor"), magnitude / stretch);
    HEARTH_ASSIGN(const double beta_fast, positive("beta_fast", 32.0));
    HEARTH_ASSIGN(const double beta_slow, positive("beta_slow", 1.0));
    metadata_.add(key("yarn_beta_fast"), beta_fast);
    metadata_.add(key("yarn_beta_slow"), beta_slow);
    const double stretched = std::min(factor * original, static_cast<double>(INT32_MAX));
    output_.context_tokens = std::max(output_.context_tokens, static_cast<uint32_t>(stretched));
    return {};
  }

  Result<void> read_longrope() {
    HEARTH_ASSIGN(const std::vector<float> short_factors, read_divisors("short_factor"));
    HEARTH_ASSIGN(const std::vector<float> long_factors, read_divisors("long_factor"));
    HEARTH_ASSIGN(const uint32_t original, original_context());
    const double ratio = static_cast<double>(input_.context_tokens) / original;
    HEARTH_ASSIGN(const double factor, positive("factor", ratio));
    const double stretch = factor > 1 ? std::sqrt(1 + std::log(factor) / std::log(original)) : 1.0;
    HEARTH_ASSIGN(const double magnitude, positive("attention_factor", stretch));
    for (const char* name : {"short_mscale", "long_mscale"}) {
      if (scaling_.has(name)) return scaling_.unsupported(name, "nothing");
    }
    metadata_.add(key("original_context_length"), original);
    metadata_.add(key("attn_factor"), magnitude);
    if (input_.two_tables) {
      output_.tables["rope_factors_short.weight"] = short_factors;
      output_.tables["rope_factors_long.weight"] = long_factors;
    } else if (short_factors == long_factors) {
      output_.tables["rope_freqs.weight"] = short_factors;
    } else {
      return scaling_.unsupported("long_factor", "the numbers of short_factor in this architecture");
    }
    return {};
  }

  Result<std::vector<float>> read_divisors(std::string_view name) const {
    HEARTH_ASSIGN(const std::vector<double> values, scaling_.numbers(name));
    if (values.size() != input_.n_rotated / 2) {
      return make_error(ErrorCode::kMalformed, "config.json: rope_scaling: {}: expected {} numbers, found {}",
                        name, input_.n_rotated / 2, values.size());
    }
    std::vector<float> divisors;
    divisors.reserve(values.size());
    for (const double value : values) divisors.push_back(static_cast<float>(value));
    return divisors;
  }

  const HuggingFaceConfig& scaling_;
  const RopeInput& input_;
  const double base_;
  OwnedMetadata& metadata_;
  RopeOutput output_;
};

}  // namespace

std::vector<float> llama3_divisors(const Llama3Scaling& scaling, double base, uint32_t n_rotated) {
  std::vector<float> divisors;
  for (uint32_t i = 0; i < n_rotated / 2; ++i) {
    const double exponent = 2.0 * i / n_rotated;
    const double wavelength = 2 * std::numbers::pi * std::pow(base, exponent);
    const double turns = scaling.original_context_tokens / wavelength;  // over the original context
    const double kept = std::clamp(
        (turns - scaling.low_freq_factor) / (scaling.high_freq_factor - scaling.low_freq_factor), 0.0, 1.0);
    divisors.push_back(static_cast<float>(1 / (kept + (1 - kept) / scaling.factor)));
  }
  return divisors;
}

Result<RopeOutput> read_rope_scaling(const HuggingFaceConfig& config, const RopeInput& input,
                                     OwnedMetadata& metadata) {
  HEARTH_ASSIGN(const auto parameters, config.object("rope_parameters"));
  HEARTH_ASSIGN(const auto scaling, config.object("rope_scaling"));
  HEARTH_ASSIGN(double base, config.number("rope_theta", input.default_base));
  if (parameters) {
    HEARTH_ASSIGN(base, parameters->number("rope_theta", base));
  }
  if (!(base > 1)) return config.unsupported("rope_theta", "a number above 1");
  metadata.add(input.architecture + ".rope.freq_base", base);
  metadata.add(input.architecture + ".rope.dimension_count", input.n_rotated);
  const auto& source = parameters ? parameters : scaling;
  if (!source) return RopeOutput{input.context_tokens, {}};
  HEARTH_ASSIGN(const std::string old_name, source->text("type", "default"));
  HEARTH_ASSIGN(const std::string type, source->text("rope_type", old_name));
  return RopeReader(*source, input, base, metadata).read(type);
}

}  // namespace hearth::models
