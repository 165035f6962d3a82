#include "server/http/access_policy.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <optional>

#include "base/excerpt.h"
#include "base/lower_case.h"

namespace hearth::server::http {
namespace {

constexpr size_t kMaxHostBytes = 255;

// Schemes that pages of the web, or files of unknown origin, come from: never allowed as a whole.
constexpr std::array<std::string_view, 6> kSchemesOfStrangers = {"http", "https", "file",
                                                                 "ftp",  "data",  "blob"};

// The bytes of an address: 4, 16, or none where it is no address. Only the usual forms are addresses: what
// else a resolver would take for one ("127.1", "0x7f000001", "2130706433") is not.
std::string address_bytes(const std::string& text) {
  if (text.find('\0') != std::string::npos) return {};  // at which inet_pton takes the text to end
  std::array<unsigned char, sizeof(in6_addr)> bytes{};
  if (inet_pton(AF_INET, text.c_str(), bytes.data()) == 1)
    return {bytes.begin(), bytes.begin() + sizeof(in_addr)};
  if (inet_pton(AF_INET6, text.c_str(), bytes.data()) == 1) return {bytes.begin(), bytes.end()};
  return {};
}

bool is_loopback_bytes(const std::string& bytes) {
  if (bytes.size() == sizeof(in_addr)) return bytes[0] == 127;
  return bytes == std::string(15, '\0') + '\1';
}

bool is_port(std::string_view text) noexcept {
  if (text.empty() || text.size() > 5) return false;
  uint32_t port = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return false;
    port = port * 10 + static_cast<uint32_t>(c - '0');
  }
  return port <= 65535;
}

bool is_name(std::string_view text) noexcept {
  if (text.empty() || text.starts_with('.') || text.find("..") != std::string_view::npos) return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
  });
}

struct Authority {
  std::string host;  // in lower case, without brackets and without the dot of the root
  bool bracketed = false;
  bool has_port = false;
};

// "name", "name:80", "[::1]:80"; nothing for anything else.
std::optional<Authority> parse_authority(std::string_view text) {
  if (text.empty() || text.size() > kMaxHostBytes) return std::nullopt;
  Authority authority;
  std::string_view rest;
  if (text.starts_with('[')) {
    const size_t end = text.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    authority.host = lower_case(text.substr(1, end - 1));
    authority.bracketed = true;
    if (address_bytes(authority.host).size() != sizeof(in6_addr)) return std::nullopt;
    rest = text.substr(end + 1);
  } else {
    const size_t end = std::min(text.find(':'), text.size());
    authority.host = lower_case(text.substr(0, end));
    if (authority.host.ends_with('.')) authority.host.pop_back();
    if (!is_name(authority.host)) return std::nullopt;
    rest = text.substr(end);
  }
  if (!rest.empty()) {
    if (!rest.starts_with(':') || !is_port(rest.substr(1))) return std::nullopt;
    authority.has_port = true;
  }
  return authority;
}

bool contains(const std::vector<std::string>& values, std::string_view value) {
  return std::find(values.begin(), values.end(), value) != values.end();
}

bool is_scheme(std::string_view text) noexcept {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.';
  });
}

// An origin of a scheme of its own has an identifier for a host, which need not be a name.
bool is_opaque_host(std::string_view text) noexcept {
  return !text.empty() && text.size() <= kMaxHostBytes && std::all_of(text.begin(), text.end(), [](char c) {
    return c > 0x20 && c < 0x7F && std::string_view("/\\?#@\"'<>,").find(c) == std::string_view::npos;
  });
}

// "http://name" of "http://name:80", where the rest is a port.
std::optional<std::string_view> without_port(std::string_view origin) noexcept {
  const size_t colon = origin.rfind(':');
  if (colon == std::string_view::npos || !is_port(origin.substr(colon + 1))) return std::nullopt;
  return origin.substr(0, colon);
}

}  // namespace

bool is_loopback_address(std::string_view address) {
  return lower_case(address) == "localhost" || is_loopback_bytes(address_bytes(std::string(address)));
}

Result<AccessPolicy> AccessPolicy::create(const std::vector<std::string>& hosts,
                                          const std::vector<std::string>& origins) {
  AccessPolicy policy;
  for (const std::string& text : hosts) {
    const std::string host = lower_case(text);
    if (host.starts_with("*.") && is_name(host.substr(2))) {
      policy.host_suffixes_.push_back(host.substr(1));
    } else if (is_name(host) || !address_bytes(host).empty()) {
      policy.hosts_.push_back(host);
    } else {
      return make_error(ErrorCode::kUsage,
                        "allowed host {}: expected a name, an address or \"*.name\", without a port",
                        quoted_excerpt(text));
    }
  }
  for (const char* scheme : {"app://", "tauri://", "vscode-webview://"})
    policy.origin_schemes_.push_back(scheme);
  for (const char* local : {"localhost", "127.0.0.1", "[::1]"}) {
    for (const char* scheme : {"http://", "https://"})
      policy.any_port_.push_back(std::string(scheme) + local);
  }
  for (const std::string& text : origins) {
    std::string origin = lower_case(text);
    const size_t colon = origin.find("://");
    const std::string scheme = origin.substr(0, std::min(colon, origin.size()));
    const std::string host = colon == std::string::npos ? "" : origin.substr(colon + 3);
    const bool is_stranger = std::find(kSchemesOfStrangers.begin(), kSchemesOfStrangers.end(), scheme) !=
                             kSchemesOfStrangers.end();
    if (is_scheme(scheme) && host == "*" && !is_stranger) {
      policy.origin_schemes_.push_back(scheme + "://");
    } else if (is_scheme(scheme) && host.ends_with(":*") &&
               parse_authority(host.substr(0, host.size() - 2))) {
      policy.any_port_.push_back(origin.substr(0, origin.size() - 2));
    } else if (is_scheme(scheme) && parse_authority(host)) {
      policy.origins_.push_back(std::move(origin));
    } else {
      return make_error(ErrorCode::kUsage,
                        "allowed origin {}: expected \"scheme://host\", \"scheme://host:port\" or "
                        "\"scheme://host:*\"",
                        quoted_excerpt(text));
    }
  }
  return policy;
}

bool AccessPolicy::allows_host(std::string_view host, std::string_view local_address) const {
  const auto authority = parse_authority(host);
  if (!authority) return false;
  if (contains(hosts_, authority->host)) return true;
  for (const std::string& suffix : host_suffixes_) {
    if (authority->host.ends_with(suffix) && authority->host.size() > suffix.size()) return true;
  }
  const std::string local = address_bytes(std::string(local_address));
  const std::string bytes = address_bytes(authority->host);
  if (!bytes.empty()) return bytes == local || (is_loopback_bytes(local) && is_loopback_bytes(bytes));
  return is_loopback_bytes(local) &&
         (authority->host == "localhost" || authority->host.ends_with(".localhost"));
}

bool AccessPolicy::allows_origin(std::string_view origin, std::string_view own_origin) const {
  const std::string lower = lower_case(origin);
  if (lower == lower_case(own_origin) || contains(origins_, lower) || contains(any_port_, lower)) return true;
  for (const std::string& scheme : origin_schemes_) {
    if (lower.starts_with(scheme) && is_opaque_host(std::string_view(lower).substr(scheme.size())))
      return true;
  }
  const auto bare = without_port(lower);
  return bare && contains(any_port_, *bare);
}

bool AccessPolicy::allows_page(std::string_view origin, std::string_view fetch_site,
                               std::string_view own_origin) const {
  if (!origin.empty()) return allows_origin(origin, own_origin);
  return lower_case(fetch_site) != "cross-site";
}

}  // namespace hearth::server::http
