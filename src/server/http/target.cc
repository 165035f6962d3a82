#include "server/http/target.h"

#include <algorithm>

#include "base/excerpt.h"
#include "base/utf8.h"

namespace hearth::server::http {
namespace {

constexpr size_t kMaxQueryParameters = 100;

int hex_value(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool is_utf8(std::string_view text) noexcept {
  while (!text.empty()) {
    const DecodedCharacter character = decode_utf8(text);
    if (!character.valid) return false;
    text.remove_prefix(character.length_bytes);
  }
  return true;
}

bool is_control(char c) noexcept {
  const auto byte = static_cast<unsigned char>(c);
  return byte < 0x20 || byte == 0x7F;
}

bool has_dot_segment(std::string_view path) noexcept {
  while (!path.empty()) {
    path.remove_prefix(1);
    const size_t slash = std::min(path.find('/'), path.size());
    const std::string_view segment = path.substr(0, slash);
    if (segment == "." || segment == "..") return true;
    path.remove_prefix(slash);
  }
  return false;
}

Result<std::vector<std::pair<std::string, std::string>>> parse_query(std::string_view query) {
  std::vector<std::pair<std::string, std::string>> parameters;
  while (!query.empty()) {
    const size_t end = std::min(query.find('&'), query.size());
    const std::string_view pair = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    if (pair.empty()) continue;
    if (parameters.size() == kMaxQueryParameters) {
      return make_error(ErrorCode::kMalformed, "the query has more than {} parameters", kMaxQueryParameters);
    }
    const size_t equals = std::min(pair.find('='), pair.size());
    HEARTH_ASSIGN(std::string name, decode_percent(pair.substr(0, equals), true));
    HEARTH_ASSIGN(std::string value, decode_percent(pair.substr(std::min(equals + 1, pair.size())), true));
    parameters.emplace_back(std::move(name), std::move(value));
  }
  return parameters;
}

}  // namespace

Result<std::string> decode_percent(std::string_view text, bool plus_is_space) {
  std::string decoded;
  decoded.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      const int high = i + 1 < text.size() ? hex_value(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? hex_value(text[i + 2]) : -1;
      if (high < 0 || low < 0) {
        return make_error(ErrorCode::kMalformed, "expected two hex digits after '%', found {}",
                          quoted_excerpt(text.substr(i + 1, 2)));
      }
      c = static_cast<char>(high * 16 + low);
      i += 2;
      if (is_control(c)) return make_error(ErrorCode::kMalformed, "an escape stands for a control character");
    } else if (plus_is_space && c == '+') {
      c = ' ';
    }
    decoded += c;
  }
  if (!is_utf8(decoded)) return make_error(ErrorCode::kMalformed, "the escapes do not decode to UTF-8");
  return decoded;
}

SplitTarget split_absolute_target(std::string_view raw) noexcept {
  const size_t colon = raw.find("://");
  if (raw.starts_with('/') || colon == std::string_view::npos) {
    return {.scheme = {}, .authority = {}, .origin_form = raw};
  }
  const size_t begin = colon + 3;
  const size_t end = std::min(raw.find_first_of("/?#", begin), raw.size());
  return {.scheme = raw.substr(0, colon),
          .authority = raw.substr(begin, end - begin),
          .origin_form = end == raw.size() ? std::string_view("/") : raw.substr(end)};
}

Result<Target> parse_target(std::string_view raw) {
  if (!raw.starts_with('/')) {
    return make_error(ErrorCode::kMalformed, "the target does not begin with a slash: {}",
                      quoted_excerpt(raw));
  }
  for (const char c : raw) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte <= 0x20 || byte >= 0x7F || c == '#') {
      return make_error(ErrorCode::kMalformed, "the target has a character that must be escaped: {}",
                        quoted_excerpt(raw));
    }
  }
  const size_t question = std::min(raw.find('?'), raw.size());
  HEARTH_ASSIGN(std::string path, decode_percent(raw.substr(0, question), false));
  if (has_dot_segment(path)) {
    return make_error(ErrorCode::kMalformed, "the path has a segment of dots: {}", quoted_excerpt(raw));
  }
  HEARTH_ASSIGN(auto query, parse_query(raw.substr(std::min(question + 1, raw.size()))));
  return Target{.path = std::move(path), .query = std::move(query)};
}

}  // namespace hearth::server::http
