// The target of a request: what stands between the method and the version.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace hearth::server::http {

struct Target {
  std::string path;                                        // decoded; valid UTF-8 that begins with a slash
  std::vector<std::pair<std::string, std::string>> query;  // decoded, in their order
};

// Of the origin form, "/path?a=b". Refuses (kMalformed) escapes that are none, and what decodes to control
// characters or to no UTF-8; and in the path the segments "." and "..", which clients resolve themselves.
Result<Target> parse_target(std::string_view raw);

// Takes the scheme and the authority off the absolute form, "http://authority/path". What is not of that form
// comes back as it is, with an empty authority.
struct SplitTarget {
  std::string_view scheme;
  std::string_view authority;
  std::string_view origin_form;
};
SplitTarget split_absolute_target(std::string_view raw) noexcept;

// `text` with its escapes decoded; in a query a plus is a space.
Result<std::string> decode_percent(std::string_view text, bool plus_is_space);

}  // namespace hearth::server::http
