#include "store/go_json.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <iterator>
#include <map>

#include "base/utf8.h"

namespace hearth::store {
namespace {

using Json = nlohmann::ordered_json;

// The shortest digits that mean this number, with an exponent only where it is very small or large.
std::string number_text(double value) {
  constexpr double kSmallest = 1e-6;
  constexpr double kLargest = 1e21;
  std::array<char, 64> buffer{};
  const double size = std::fabs(value);
  const bool plain = size == 0 || (size >= kSmallest && size < kLargest);
  const auto result = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                                    plain ? std::chars_format::fixed : std::chars_format::scientific);
  std::string text(buffer.data(), result.ptr);
  // 1e-07 is 1e-7 in Go.
  if (const size_t at = text.find("e-0"); at != std::string::npos) text.erase(at + 2, 1);
  return text;
}

void append(std::string& out, const Json& value) {
  if (value.is_string()) {
    append_go_text(out, value.get_ref<const std::string&>());
  } else if (value.is_number_float()) {
    out += number_text(value.get<double>());
  } else if (value.is_array() || value.is_object()) {
    const bool is_object = value.is_object();
    out += is_object ? '{' : '[';
    bool is_first = true;
    for (const auto& [key, element] : value.items()) {
      if (!std::exchange(is_first, false)) out += ',';
      if (is_object) {
        append_go_text(out, key);
        out += ':';
      }
      append(out, element);
    }
    out += is_object ? '}' : ']';
  } else {
    out += value.dump();
  }
}

}  // namespace

void append_go_text(std::string& out, std::string_view text) {
  out += '"';
  while (!text.empty()) {
    const DecodedCharacter character = decode_utf8(text);
    const std::string_view bytes = text.substr(0, character.length_bytes);
    text.remove_prefix(character.length_bytes);
    const char32_t c = character.code_point;
    if (!character.valid) {
      out += "\\ufffd";
    } else if (c == '"' || c == '\\') {
      out += '\\';
      out += bytes;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\t') {
      out += "\\t";
    } else if (c == '\b') {
      out += "\\b";
    } else if (c == '\f') {
      out += "\\f";
    } else if (c < 0x20 || c == '<' || c == '>' || c == '&' || c == 0x2028 || c == 0x2029) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<uint32_t>(c));
    } else {
      out += bytes;
    }
  }
  out += '"';
}

std::string go_json(const Json& value) {
  std::string out;
  append(out, value);
  return out;
}

Json as_go_map(const Json& object) {
  std::map<std::string, Json> sorted;
  for (const auto& [key, value] : object.items()) sorted.insert_or_assign(key, value);
  Json map = Json::object();
  for (auto& [key, value] : sorted) map[key] = std::move(value);
  return map;
}

}  // namespace hearth::store
