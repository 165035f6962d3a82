// URLs, parsed by the code that connects to them: libcurl's. A second parser would sooner or later see
// another host in the same text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hearth::store::registry {

struct Url {
  std::string text;    // normal form, as it is asked for
  std::string scheme;  // "https" or "http"
  std::string host;    // lower case; an IPv6 address without its brackets
  uint16_t port = 0;   // never 0
  std::string path;

  // "https://host:5000": what must be the same for a secret to be sent.
  std::string origin() const;
  // Scheme, host and path: what may be shown. A query may hold a signature that is a secret.
  std::string shown() const;
};

// kMalformed for what is no URL of http or https with a host, and for one that holds a name or a password.
Result<Url> parse_url(std::string_view text);
// What `reference` means in a document at `base`: a redirection's Location.
Result<Url> resolve_url(const Url& base, std::string_view reference);
// The URL with "name=value" added to its query; the value is escaped.
Result<Url> with_query(const Url& url, std::string_view name, std::string_view value);

}  // namespace hearth::store::registry
