#include "server/wire/json_body.h"

#include <cmath>

namespace hearth::server::wire {
namespace {

// Names of strangers in messages.
constexpr size_t kLongestPath = 200;

// The integer that a number stands for, if it is one of 64 bits.
std::optional<int64_t> integer_of(const Json& value) {
  constexpr double kLargestExact =
      9007199254740992.0;  // 2^53: beyond it a float is not the number that was meant
  if (value.is_number_unsigned()) {
    const auto whole = value.get<uint64_t>();
    if (whole > static_cast<uint64_t>(INT64_MAX)) return std::nullopt;
    return static_cast<int64_t>(whole);
  }
  if (value.is_number_integer()) return value.get<int64_t>();
  if (!value.is_number_float()) return std::nullopt;
  const auto real = value.get<double>();
  if (!(std::abs(real) <= kLargestExact) || std::trunc(real) != real) return std::nullopt;
  return static_cast<int64_t>(real);
}

std::string integer_range(int64_t low, int64_t high) {
  if (low == INT64_MIN && high == INT64_MAX) return "an integer";
  if (high == INT64_MAX || high == INT32_MAX) return fmt::format("an integer of {} or more", low);
  return fmt::format("an integer from {} to {}", low, high);
}

}  // namespace

const Json& Field::json() const {
  HEARTH_CHECK(value_ != nullptr);
  return *value_;
}

void Field::reject(std::string_view message) const {
  if (problem_->has_value()) return;
  problem_->emplace(400, path_.empty() ? std::string(message) : fmt::format("{}: {}", path_, message), path_);
}

void Field::expected(std::string_view what) const {
  reject(fmt::format("expected {}, found {}", what, value_ == nullptr ? "nothing" : describe(*value_)));
}

Field Field::required() const {
  if (!present()) reject("is required");
  return *this;
}

Field Field::operator[](std::string_view name) const {
  std::string path = path_.empty() ? std::string(name) : fmt::format("{}.{}", path_, name);
  if (path.size() > kLongestPath) path.resize(kLongestPath);
  if (!present()) return {nullptr, std::move(path), problem_};
  if (!value_->is_object()) {
    expected("an object");
    return {nullptr, std::move(path), problem_};
  }
  for (const auto& [key, value] : value_->get_ref<const Json::object_t&>()) {
    if (key == name) return {value.is_null() ? nullptr : &value, std::move(path), problem_};
  }
  return {nullptr, std::move(path), problem_};
}

std::optional<std::string> Field::string() const {
  if (!present()) return std::nullopt;
  if (value_->is_string()) return value_->get<std::string>();
  expected("a string");
  return std::nullopt;
}

std::optional<bool> Field::boolean() const {
  if (!present()) return std::nullopt;
  if (value_->is_boolean()) return value_->get<bool>();
  expected("true or false");
  return std::nullopt;
}

std::optional<int64_t> Field::integer(int64_t low, int64_t high) const {
  if (!present()) return std::nullopt;
  const auto whole = integer_of(*value_);
  if (whole && *whole >= low && *whole <= high) return whole;
  expected(value_->is_number() ? integer_range(low, high) : "an integer");
  return std::nullopt;
}

std::optional<double> Field::number(const NumberRange& range) const {
  if (!present()) return std::nullopt;
  if (value_->is_number()) {
    const auto real = value_->get<double>();
    if (real >= range.low && real <= range.high) return real;
  }
  expected(value_->is_number() ? range.text : "a number");
  return std::nullopt;
}

std::vector<Field> Field::items() const {
  std::vector<Field> fields;
  if (!present()) return fields;
  if (!value_->is_array()) {
    expected("a list");
    return fields;
  }
  fields.reserve(value_->size());
  for (const Json& item : *value_)
    fields.push_back({&item, fmt::format("{}[{}]", path_, fields.size()), problem_});
  return fields;
}

std::vector<std::pair<std::string, Field>> Field::members() const {
  std::vector<std::pair<std::string, Field>> fields;
  if (!present()) return fields;
  if (!value_->is_object()) {
    expected("an object");
    return fields;
  }
  for (const auto& [name, value] : value_->get_ref<const Json::object_t&>()) {
    std::string path = path_.empty() ? name : fmt::format("{}.{}", path_, name);
    if (path.size() > kLongestPath) path.resize(kLongestPath);
    fields.emplace_back(name, Field(value.is_null() ? nullptr : &value, std::move(path), problem_));
  }
  return fields;
}

std::vector<std::string> Field::strings() const {
  std::vector<std::string> texts;
  for (const Field& item : items()) {
    if (item.json().is_null()) item.expected("a string");
    if (auto text = item.string()) texts.push_back(*std::move(text));
  }
  return texts;
}

std::vector<std::string> Field::string_or_strings() const {
  if (present() && value_->is_string()) return {value_->get<std::string>()};
  if (present() && !value_->is_array()) {
    expected("a string or a list of strings");
    return {};
  }
  return strings();
}

std::vector<int32_t> Field::ids() const {
  std::vector<int32_t> ids;
  if (!present()) return ids;
  if (!value_->is_array()) {
    expected("a list of token ids");
    return ids;
  }
  ids.reserve(value_->size());
  for (const Json& item : *value_) {
    const auto id = integer_of(item);
    if (id && *id >= 0 && *id <= INT32_MAX) {
      ids.push_back(static_cast<int32_t>(*id));
      continue;
    }
    Field(&item, fmt::format("{}[{}]", path_, ids.size()), problem_)
        .expected("a token id, an integer of 0 or more");
    return {};
  }
  return ids;
}

std::optional<Json> Field::object() const {
  if (!present()) return std::nullopt;
  if (value_->is_object()) return *value_;
  expected("an object");
  return std::nullopt;
}

std::optional<Json> Field::list() const {
  if (!present()) return std::nullopt;
  if (value_->is_array()) return *value_;
  expected("a list");
  return std::nullopt;
}

ApiResult<JsonBody> JsonBody::parse(std::string_view body, const JsonLimits& limits) {
  if (body.find_first_not_of(" \t\r\n") == std::string_view::npos)
    return ApiError(400, "missing request body");
  HEARTH_ASSIGN(Json json, parse_json(body, limits));
  if (!json.is_object())
    return ApiError(400, fmt::format("the request body: expected a JSON object, found {}", describe(json)));
  auto state = std::make_unique<State>();
  state->json = std::move(json);
  return JsonBody(std::move(state));
}

Field JsonBody::root() const {
  return {&state_->json, "", &state_->problem};
}

ApiResult<void> JsonBody::check() const {
  if (state_->problem) return *state_->problem;
  return {};
}

}  // namespace hearth::server::wire
