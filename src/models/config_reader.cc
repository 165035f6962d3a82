#include "models/config_reader.h"

#include <cmath>

namespace hearth::models {

ConfigReader::ConfigReader(const gguf::KeyValues& file)
    : file_(file), architecture_(file.string_or("general.architecture", "").value_or("")) {}

std::string ConfigReader::full_key(std::string_view key) const {
  return fmt::format("{}.{}", architecture_, key);
}

Error ConfigReader::error(std::string_view key, std::string_view expected, int64_t found) const {
  return make_error(ErrorCode::kMalformed, "{}: metadata {}: expected {}, found {}", file_.name(),
                    full_key(key), expected, found);
}

Result<int64_t> ConfigReader::count(std::string_view key) const {
  HEARTH_ASSIGN(const uint64_t value, file_.u64(full_key(key)));
  if (value == 0 || value > static_cast<uint64_t>(kMaxCount)) {
    return make_error(ErrorCode::kMalformed, "{}: metadata {}: expected 1 to {}, found {}", file_.name(),
                      full_key(key), kMaxCount, value);
  }
  return static_cast<int64_t>(value);
}

Result<int64_t> ConfigReader::count_or(std::string_view key, int64_t fallback) const {
  HEARTH_ASSIGN(const uint64_t value, file_.u64_or(full_key(key), static_cast<uint64_t>(fallback)));
  if (value > static_cast<uint64_t>(kMaxCount)) {
    return make_error(ErrorCode::kMalformed, "{}: metadata {}: expected 0 to {}, found {}", file_.name(),
                      full_key(key), kMaxCount, value);
  }
  return static_cast<int64_t>(value);
}

Result<std::vector<int64_t>> ConfigReader::integers(std::string_view key, int64_t n) const {
  const gguf::Value* value = file_.find(full_key(key));
  const bool fits = value != nullptr && value->is_array() && value->count() == static_cast<uint64_t>(n);
  const auto numbers = fits ? value->as_integers() : std::nullopt;
  if (numbers) return *numbers;
  return make_error(ErrorCode::kMalformed, "{}: metadata {}: expected an array of {} integers, found {}",
                    file_.name(), full_key(key), n, value != nullptr ? value->to_string() : "no such key");
}

Result<LayerCounts> ConfigReader::layer_counts(std::string_view key, int64_t n_layers) const {
  const gguf::Value* value = file_.find(full_key(key));
  if (value == nullptr || !value->is_array()) {
    HEARTH_ASSIGN(const int64_t all, count(key));
    return LayerCounts({all});
  }
  HEARTH_ASSIGN(std::vector<int64_t> numbers, integers(key, n_layers));
  for (const int64_t number : numbers) {
    if (number <= 0 || number > kMaxCount) return error(key, fmt::format("1 to {}", kMaxCount), number);
  }
  return LayerCounts(std::move(numbers));
}

Result<std::vector<bool>> ConfigReader::layer_flags(std::string_view key, int64_t n_layers) const {
  HEARTH_ASSIGN(const std::vector<int64_t> numbers, integers(key, n_layers));
  std::vector<bool> flags;
  flags.reserve(numbers.size());
  for (const int64_t number : numbers) {
    if (number != 0 && number != 1) return error(key, "0 or 1", number);
    flags.push_back(number == 1);
  }
  return flags;
}

Result<float> ConfigReader::epsilon(std::string_view key) const {
  HEARTH_ASSIGN(const double value, file_.f64(full_key(key)));
  // Also refuses NaN.
  if (!(value > 0 && value < 1)) {
    return make_error(ErrorCode::kMalformed, "{}: metadata {}: expected a number between 0 and 1, found {}",
                      file_.name(), full_key(key), value);
  }
  return static_cast<float>(value);
}

Result<float> ConfigReader::factor_or(std::string_view key, float fallback) const {
  HEARTH_ASSIGN(const double value, file_.f64_or(full_key(key), 0.0));
  const auto factor = static_cast<float>(value);
  if (factor == 0.0F) return fallback;
  // Also refuses NaN.
  if (!(factor > 0.0F && std::isfinite(factor))) {
    return make_error(ErrorCode::kMalformed, "{}: metadata {}: expected a finite positive number, found {}",
                      file_.name(), full_key(key), value);
  }
  return factor;
}

Result<void> ConfigReader::refuse_if_set(std::string_view key) const {
  const gguf::Value* value = file_.find(full_key(key));
  if (value == nullptr || value->as_f64() == 0.0 || value->as_bool() == false) return {};
  return make_error(ErrorCode::kUnsupported,
                    "{}: metadata {}: Hearth does not know this option of the architecture '{}'; without it "
                    "the model would answer wrongly",
                    file_.name(), full_key(key), architecture_);
}

Result<int64_t> ConfigReader::vocabulary_size() const {
  const gguf::Value* tokens = file_.find("tokenizer.ggml.tokens");
  if (tokens == nullptr || !tokens->is_array()) return count("vocab_size");
  if (tokens->count() == 0 || tokens->count() > static_cast<uint64_t>(kMaxCount)) {
    return make_error(ErrorCode::kMalformed,
                      "{}: metadata tokenizer.ggml.tokens: expected 1 to {} tokens, found {}", file_.name(),
                      kMaxCount, tokens->count());
  }
  return static_cast<int64_t>(tokens->count());
}

}  // namespace hearth::models
