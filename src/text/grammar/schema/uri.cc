#include "text/grammar/schema/uri.h"

#include <optional>
#include <vector>

namespace hearth::text::grammar::schema {
namespace {

struct Uri {
  std::optional<std::string> scheme, authority, query, fragment;
  std::string path;
};

// Section 5.3 backwards; the regular expression of appendix B.
Uri parse_uri(std::string_view text) {
  Uri uri;
  if (const size_t hash = text.find('#'); hash != std::string_view::npos) {
    uri.fragment = text.substr(hash + 1);
    text = text.substr(0, hash);
  }
  if (const size_t colon = text.find_first_of(":/?");
      colon != std::string_view::npos && colon > 0 && text[colon] == ':') {
    uri.scheme = text.substr(0, colon);
    text.remove_prefix(colon + 1);
  }
  if (const size_t mark = text.find('?'); mark != std::string_view::npos) {
    uri.query = text.substr(mark + 1);
    text = text.substr(0, mark);
  }
  if (text.substr(0, 2) == "//") {
    text.remove_prefix(2);
    const size_t slash = text.find('/');
    uri.authority = text.substr(0, slash);
    text = slash == std::string_view::npos ? std::string_view() : text.substr(slash);
  }
  uri.path = text;
  return uri;
}

// Section 5.2.4.
std::string without_dots(std::string_view path) {
  if (path.empty()) return {};
  std::vector<std::string_view> segments;
  const bool is_absolute = path[0] == '/';
  if (is_absolute) path.remove_prefix(1);
  bool ends_in_folder = false;
  while (true) {
    const size_t slash = path.find('/');
    const std::string_view segment = path.substr(0, slash);
    ends_in_folder = segment == "." || segment == "..";
    if (segment == ".." && !segments.empty()) segments.pop_back();
    if (!ends_in_folder) segments.push_back(segment);
    if (slash == std::string_view::npos) break;
    path.remove_prefix(slash + 1);
  }
  std::string joined;
  for (size_t i = 0; i < segments.size(); ++i) {
    if (is_absolute || i > 0) joined += '/';
    joined += segments[i];
  }
  if (ends_in_folder || joined.empty()) joined += '/';
  return joined;
}

std::string merged(const Uri& base, const std::string& path) {
  if (base.authority && base.path.empty()) return "/" + path;
  const size_t slash = base.path.rfind('/');
  return slash == std::string::npos ? path : base.path.substr(0, slash + 1) + path;
}

std::string text_of(const Uri& uri) {
  std::string text;
  if (uri.scheme) text += *uri.scheme + ":";
  if (uri.authority) text += "//" + *uri.authority;
  text += uri.path;
  if (uri.query) text += "?" + *uri.query;
  if (uri.fragment) text += "#" + *uri.fragment;
  return text;
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = static_cast<char>(static_cast<unsigned char>(c) | 0x20U);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

}  // namespace

std::string resolve_uri(std::string_view base, std::string_view reference) {
  const Uri from = parse_uri(base);
  Uri to = parse_uri(reference);
  if (to.scheme || base.empty()) return text_of(to);
  to.scheme = from.scheme;
  if (to.authority) return text_of(to);
  to.authority = from.authority;
  if (to.path.empty()) {
    to.path = from.path;
    if (!to.query) to.query = from.query;
  } else {
    to.path = without_dots(to.path[0] == '/' ? to.path : merged(from, to.path));
  }
  return text_of(to);
}

UriAndFragment split_fragment(std::string_view uri) {
  const size_t hash = uri.find('#');
  UriAndFragment parts{std::string(uri.substr(0, hash)), {}};
  if (hash == std::string_view::npos) return parts;
  const std::string_view text = uri.substr(hash + 1);
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && hex_value(text[i + 1]) >= 0 && hex_value(text[i + 2]) >= 0) {
      parts.fragment += static_cast<char>(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2]));
      i += 2;
    } else {
      parts.fragment += text[i];
    }
  }
  return parts;
}

}  // namespace hearth::text::grammar::schema
