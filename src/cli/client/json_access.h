// The fields of a server's answers, which need not be what they should.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

namespace hearth::cli {

using Json = nlohmann::ordered_json;

// A text, "" where there is none.
inline std::string text_of(const Json& object, const std::string& name) {
  if (!object.is_object() || !object.contains(name) || !object[name].is_string()) return "";
  return object[name].get<std::string>();
}
// A number of things or bytes, 0 where there is none.
inline int64_t count_of(const Json& object, const std::string& name) {
  if (!object.is_object() || !object.contains(name) || !object[name].is_number_integer()) return 0;
  return std::max<int64_t>(object[name].get<int64_t>(), 0);
}
// What is empty where there is no such list. A part of the answer and no copy of it: lists are long.
inline const Json& items_of(const Json& object, const std::string& name) {
  static const Json kNone = Json::array();
  if (!object.is_object() || !object.contains(name) || !object[name].is_array()) return kNone;
  return object[name];
}
const Json& items_of(Json&& object, const std::string& name) = delete;
inline const Json& object_of(const Json& object, const std::string& name) {
  static const Json kNone = Json::object();
  if (!object.is_object() || !object.contains(name) || !object[name].is_object()) return kNone;
  return object[name];
}
const Json& object_of(Json&& object, const std::string& name) = delete;
// The first twelve digits, which tell models apart.
inline std::string short_digest(const Json& model) {
  constexpr size_t kShown = 12;
  return text_of(model, "digest").substr(0, kShown);
}

// Of the field "loading" of GET /api/ps: "reading weights 25%".
inline std::string loading_text(const Json& loading) {
  std::string text = text_of(loading, "stage");
  const int64_t total = count_of(loading, "total");
  constexpr double kHundred = 100;
  const double share = kHundred * static_cast<double>(count_of(loading, "completed"));
  if (total > 0) text += fmt::format(" {:.0f}%", std::min(share / static_cast<double>(total), kHundred));
  return text;
}

}  // namespace hearth::cli
