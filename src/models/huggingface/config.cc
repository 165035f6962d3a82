#include "models/huggingface/config.h"

#include <cmath>

#include "base/excerpt.h"

namespace hearth::models {

using nlohmann::json;

namespace {

// Without recursion: values may be nested.
std::string shown(const json& value) {
  if (value.is_object()) return "an object";
  if (value.is_array()) return "an array";
  if (const auto* text = value.get_ptr<const std::string*>()) return quoted_excerpt(*text);
  return value.dump();
}

bool is_count(const json& value) {
  if (value.is_number_unsigned()) return value.get<uint64_t>() <= INT32_MAX;
  return value.is_number_integer() && value.get<int64_t>() >= 0 && value.get<int64_t>() <= INT32_MAX;
}

bool says_nothing(const json& value) {
  return value.is_null() || value == false || value == 0 || value == "" ||
         (value.is_structured() && value.empty());
}

}  // namespace

Result<HuggingFaceConfig> HuggingFaceConfig::of(const json& value, std::string where) {
  if (value.is_object()) return HuggingFaceConfig(value, std::move(where));
  return make_error(ErrorCode::kMalformed, "{}: expected an object, found {}", where, shown(value));
}

const json* HuggingFaceConfig::find(std::string_view key) const {
  known_.emplace(key);
  const auto at = json_->find(key);
  return at == json_->end() || at->is_null() ? nullptr : &*at;
}

Error HuggingFaceConfig::malformed(std::string_view key, std::string_view expected, const json& found) const {
  return make_error(ErrorCode::kMalformed, "{}: {}: expected {}, found {}", where_, key, expected,
                    shown(found));
}

Error HuggingFaceConfig::unsupported(std::string_view key, std::string_view expected) const {
  const json* found = find(key);
  return make_error(ErrorCode::kUnsupported, "{}: {}: expected {}, found {}", where_, key, expected,
                    found != nullptr ? shown(*found) : "nothing");
}

bool HuggingFaceConfig::has(std::string_view key) const {
  return find(key) != nullptr;
}

Result<std::optional<uint32_t>> HuggingFaceConfig::count(std::string_view key) const {
  const json* value = find(key);
  if (value == nullptr) return std::optional<uint32_t>();
  if (!is_count(*value)) {
    return malformed(key, fmt::format("an integer from 0 to {}", INT32_MAX), *value);
  }
  return std::optional(value->get<uint32_t>());
}

Result<uint32_t> HuggingFaceConfig::count(std::string_view key, uint32_t fallback) const {
  HEARTH_ASSIGN(const std::optional<uint32_t> value, count(key));
  return value.value_or(fallback);
}

Result<uint32_t> HuggingFaceConfig::required_count(std::string_view key) const {
  HEARTH_ASSIGN(const std::optional<uint32_t> value, count(key));
  if (value) return *value;
  return make_error(ErrorCode::kMalformed, "{}: {}: expected an integer, found no such key", where_, key);
}

Result<std::optional<double>> HuggingFaceConfig::number(std::string_view key) const {
  const json* value = find(key);
  if (value == nullptr) return std::optional<double>();
  if (!value->is_number() || !std::isfinite(value->get<double>())) {
    return malformed(key, "a finite number", *value);
  }
  return std::optional(value->get<double>());
}

Result<double> HuggingFaceConfig::number(std::string_view key, double fallback) const {
  HEARTH_ASSIGN(const std::optional<double> value, number(key));
  return value.value_or(fallback);
}

Result<double> HuggingFaceConfig::required_number(std::string_view key) const {
  HEARTH_ASSIGN(const std::optional<double> value, number(key));
  if (value) return *value;
  return make_error(ErrorCode::kMalformed, "{}: {}: expected a number, found no such key", where_, key);
}

Result<std::vector<double>> HuggingFaceConfig::numbers(std::string_view key) const {
  const json* value = find(key);
  std::vector<double> numbers;
  if (value == nullptr) return numbers;
  if (!value->is_array()) return malformed(key, "an array of numbers", *value);
  for (const json& element : *value) {
    if (!element.is_number() || !std::isfinite(element.get<double>())) {
      return malformed(key, "an array of finite numbers", element);
    }
    numbers.push_back(element.get<double>());
  }
  return numbers;
}

Result<bool> HuggingFaceConfig::flag(std::string_view key, bool fallback) const {
  const json* value = find(key);
  if (value == nullptr) return fallback;
  if (!value->is_boolean()) return malformed(key, "true or false", *value);
  return value->get<bool>();
}

Result<std::string> HuggingFaceConfig::text(std::string_view key, std::string_view fallback) const {
  const json* value = find(key);
  if (value == nullptr) return std::string(fallback);
  if (!value->is_string()) return malformed(key, "a string", *value);
  return value->get<std::string>();
}

Result<std::vector<std::string>> HuggingFaceConfig::texts(std::string_view key) const {
  const json* value = find(key);
  std::vector<std::string> texts;
  if (value == nullptr) return texts;
  if (!value->is_array()) return malformed(key, "an array of strings", *value);
  for (const json& element : *value) {
    if (!element.is_string()) return malformed(key, "an array of strings", element);
    texts.push_back(element.get<std::string>());
  }
  return texts;
}

Result<std::vector<int64_t>> HuggingFaceConfig::ids(std::string_view key) const {
  const json* value = find(key);
  std::vector<int64_t> ids;
  if (value == nullptr) return ids;
  const auto add = [&](const json& element) -> Result<void> {
    if (!is_count(element)) {
      return malformed(key, "a token id or an array of them", element);
    }
    ids.push_back(element.get<int64_t>());
    return {};
  };
  if (!value->is_array()) {
    HEARTH_TRY(add(*value));
    return ids;
  }
  for (const json& element : *value) HEARTH_TRY(add(element));
  return ids;
}

Result<std::optional<HuggingFaceConfig>> HuggingFaceConfig::object(std::string_view key) const {
  const json* value = find(key);
  if (value == nullptr) return std::optional<HuggingFaceConfig>();
  HEARTH_ASSIGN(HuggingFaceConfig config, of(*value, fmt::format("{}: {}", where_, key)));
  return std::optional(std::move(config));
}

Result<void> HuggingFaceConfig::expect(std::string_view key, const json& value) const {
  const json* found = find(key);
  if (found == nullptr || *found == value) return {};
  return unsupported(key, value.dump());
}

void HuggingFaceConfig::ignore(std::initializer_list<std::string_view> keys) const {
  for (const std::string_view key : keys) known_.emplace(key);
}

Result<void> HuggingFaceConfig::check_all_known() const {
  for (const auto& [key, value] : json_->items()) {
    if (known_.contains(key) || key.starts_with('_') || says_nothing(value)) continue;
    return make_error(ErrorCode::kUnsupported,
                      "{}: {}: Hearth does not know this option, whose value is {}; without it the model "
                      "might answer wrongly",
                      where_, excerpt(key), shown(value));
  }
  return {};
}

}  // namespace hearth::models
