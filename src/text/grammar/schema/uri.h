// References between schemas (RFC 3986), as far as finding one by another's address needs them.
#pragma once

#include <string>
#include <string_view>

namespace hearth::text::grammar::schema {

// `reference` seen from `base` (section 5.2). With an empty base, the reference itself.
std::string resolve_uri(std::string_view base, std::string_view reference);

struct UriAndFragment {
  std::string uri;       // without "#" and what follows
  std::string fragment;  // percent-decoded
};
UriAndFragment split_fragment(std::string_view uri);

}  // namespace hearth::text::grammar::schema
