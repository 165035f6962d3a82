#include "models/config_reader.h"

namespace hearth::models {

ConfigReader::ConfigReader(const gguf::File& file)
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

Result<float> ConfigReader::epsilon(std::string_view key) const {
  HEARTH_ASSIGN(const double value, file_.f64(full_key(key)));
  // Also refuses NaN.
  if (!(value > 0 && value < 1)) {
    return make_error(ErrorCode::kMalformed, "{}: metadata {}: expected a number between 0 and 1, found {}",
                      file_.name(), full_key(key), value);
  }
  return static_cast<float>(value);
}

Result<float> ConfigReader::positive_or(std::string_view key, float fallback) const {
  if (file_.find(full_key(key)) == nullptr) return fallback;
  HEARTH_ASSIGN(const double value, file_.f64(full_key(key)));
  // Also refuses NaN.
  if (!(value > 0 && value < 1e30)) {
    return make_error(ErrorCode::kMalformed, "{}: metadata {}: expected a positive number, found {}",
                      file_.name(), full_key(key), value);
  }
  return static_cast<float>(value);
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

Result<AttentionConfig> ConfigReader::attention(int64_t width) const {
  AttentionConfig c;
  c.width = width;
  HEARTH_ASSIGN(c.n_heads, count("attention.head_count"));
  HEARTH_ASSIGN(c.n_kv_heads, count_or("attention.head_count_kv", c.n_heads));
  if (c.n_kv_heads == 0 || c.n_heads % c.n_kv_heads != 0) {
    return error("attention.head_count_kv", fmt::format("a divisor of head_count = {}", c.n_heads),
                 c.n_kv_heads);
  }
  const bool has_key_length = file_.find(full_key("attention.key_length")) != nullptr;
  if (!has_key_length && width % c.n_heads != 0) {
    return error("attention.head_count", fmt::format("a divisor of embedding_length = {}", width), c.n_heads);
  }
  HEARTH_ASSIGN(c.head_dim, count_or("attention.key_length", width / c.n_heads));
  HEARTH_ASSIGN(c.v_head_dim, count_or("attention.value_length", c.head_dim));
  if (c.head_dim == 0 || c.head_dim > kMaxCount / c.n_heads) {
    return error("attention.key_length", fmt::format("1 to {}", kMaxCount / c.n_heads), c.head_dim);
  }
  if (c.v_head_dim == 0 || c.v_head_dim > kMaxCount / c.n_heads) {
    return error("attention.value_length", fmt::format("1 to {}", kMaxCount / c.n_heads), c.v_head_dim);
  }
  return c;
}

}  // namespace hearth::models
