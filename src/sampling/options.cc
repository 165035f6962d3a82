#include "sampling/options.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace hearth::sampling {
namespace {

struct NamedStage {
  Stage stage;
  std::string_view name;
};

// In the default order.
constexpr std::array kStages{NamedStage{Stage::kPenalties, "penalties"},
                             NamedStage{Stage::kDry, "dry"},
                             NamedStage{Stage::kTopNSigma, "top_n_sigma"},
                             NamedStage{Stage::kTopK, "top_k"},
                             NamedStage{Stage::kTypicalP, "typ_p"},
                             NamedStage{Stage::kTopP, "top_p"},
                             NamedStage{Stage::kMinP, "min_p"},
                             NamedStage{Stage::kXtc, "xtc"},
                             NamedStage{Stage::kTemperature, "temperature"}};

constexpr float kMax = std::numeric_limits<float>::max();
constexpr float kTiny = std::numeric_limits<float>::min();

// Written so that NaN is outside.
Result<void> check_range(std::string_view name, float value, float low, float high, std::string_view range) {
  if (value >= low && value <= high) return {};
  return make_error(ErrorCode::kInvalidArgument, "{}: expected {}, found {}", name, range, value);
}

Result<void> check_look_back(std::string_view name, int32_t value) {
  if (value >= -1) return {};
  return make_error(ErrorCode::kInvalidArgument, "{}: expected -1 or more, found {}", name, value);
}

Result<void> validate_filters(const SamplingOptions& options) {
  HEARTH_TRY(check_range("temperature", options.temperature, 0, kMax, "0 or more"));
  HEARTH_TRY(check_range("dynatemp_range", options.dynatemp_range, 0, kMax, "0 or more"));
  HEARTH_TRY(check_range("dynatemp_exponent", options.dynatemp_exponent, 0, kMax, "0 or more"));
  HEARTH_TRY(check_range("top_p", options.top_p, 0, 1, "0 to 1"));
  HEARTH_TRY(check_range("min_p", options.min_p, 0, 1, "0 to 1"));
  HEARTH_TRY(check_range("typical_p", options.typical_p, 0, 1, "0 to 1"));
  HEARTH_TRY(check_range("top_n_sigma", options.top_n_sigma, -kMax, kMax, "a finite number"));
  HEARTH_TRY(check_range("xtc_probability", options.xtc_probability, 0, 1, "0 to 1"));
  return check_range("xtc_threshold", options.xtc_threshold, 0, 1, "0 to 1");
}

Result<void> validate_penalties(const SamplingOptions& options) {
  HEARTH_TRY(check_range("repeat_penalty", options.repeat_penalty, kTiny, kMax, "more than 0"));
  HEARTH_TRY(check_range("presence_penalty", options.presence_penalty, -kMax, kMax, "a finite number"));
  HEARTH_TRY(check_range("frequency_penalty", options.frequency_penalty, -kMax, kMax, "a finite number"));
  HEARTH_TRY(check_look_back("repeat_last_n", options.repeat_last_n));
  HEARTH_TRY(check_range("dry_multiplier", options.dry_multiplier, 0, kMax, "0 or more"));
  HEARTH_TRY(check_range("dry_base", options.dry_base, 0, kMax, "0 or more"));
  if (options.dry_allowed_length < 0) {
    return make_error(ErrorCode::kInvalidArgument, "dry_allowed_length: expected 0 or more, found {}",
                      options.dry_allowed_length);
  }
  HEARTH_TRY(check_look_back("dry_penalty_last_n", options.dry_penalty_last_n));
  for (const std::string& breaker : options.dry_sequence_breakers) {
    if (!breaker.empty()) continue;
    return make_error(ErrorCode::kInvalidArgument,
                      "dry_sequence_breakers: expected texts, found an empty one");
  }
  return {};
}

Result<void> validate_mirostat(const SamplingOptions& options) {
  if (options.mirostat < 0 || options.mirostat > 2) {
    return make_error(ErrorCode::kInvalidArgument, "mirostat: expected 0, 1 or 2, found {}",
                      options.mirostat);
  }
  HEARTH_TRY(check_range("mirostat_tau", options.mirostat_tau, 0, kMax, "0 or more"));
  return check_range("mirostat_eta", options.mirostat_eta, 0, kMax, "0 or more");
}

}  // namespace

std::vector<Stage> default_stages() {
  std::vector<Stage> stages;
  stages.reserve(kStages.size());
  for (const NamedStage& known : kStages) stages.push_back(known.stage);
  return stages;
}

std::string_view stage_name(Stage stage) noexcept {
  const auto* known =
      std::find_if(kStages.begin(), kStages.end(), [&](const NamedStage& s) { return s.stage == stage; });
  return known->name;
}

std::string stages_text(const std::vector<Stage>& stages) {
  std::string text;
  for (const Stage stage : stages) {
    if (!text.empty()) text += ';';
    text += stage_name(stage);
  }
  return text;
}

Result<std::vector<Stage>> parse_stages(std::string_view text) {
  std::vector<Stage> stages;
  while (!text.empty()) {
    const size_t end = std::min(text.find_first_of(";,"), text.size());
    const std::string_view name = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const auto* known = std::find_if(kStages.begin(), kStages.end(), [&](const NamedStage& s) {
      return s.name == name || (s.stage == Stage::kTypicalP && name == "typical_p");
    });
    if (known == kStages.end()) {
      return make_error(ErrorCode::kInvalidArgument, "samplers: expected some of {}, found '{}'",
                        stages_text(default_stages()), name);
    }
    if (std::find(stages.begin(), stages.end(), known->stage) != stages.end())
      return make_error(ErrorCode::kInvalidArgument, "samplers: {} stands twice", name);
    stages.push_back(known->stage);
  }
  return stages;
}

Result<void> validate(const SamplingOptions& options) {
  HEARTH_TRY(validate_filters(options));
  HEARTH_TRY(validate_penalties(options));
  HEARTH_TRY(validate_mirostat(options));
  for (const LogitBias& entry : options.logit_bias) {
    const bool masks = std::isinf(entry.bias) && entry.bias < 0;
    if (masks || std::isfinite(entry.bias)) continue;
    return make_error(ErrorCode::kInvalidArgument,
                      "logit_bias: token {}: expected a finite number or -infinity, found {}", entry.token,
                      entry.bias);
  }
  return {};
}

Result<void> validate_tokens(const SamplingOptions& options, int64_t vocabulary_size) {
  for (const LogitBias& entry : options.logit_bias) {
    if (entry.token >= 0 && entry.token < vocabulary_size) continue;
    return make_error(ErrorCode::kInvalidArgument,
                      "logit_bias: expected tokens of the vocabulary, 0 to {}, found {}", vocabulary_size - 1,
                      entry.token);
  }
  return {};
}

}  // namespace hearth::sampling
