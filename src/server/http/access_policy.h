// Which hosts a request may be addressed to, and from which web pages it may come. What keeps a page that
// somebody happens to visit from using the server behind their back: rebound DNS names are refused by their
// Host, foreign pages by their Origin.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hearth::server::http {

// Read-only after its creation, and so thread-safe.
class AccessPolicy {
 public:
  // hosts: names or addresses, without ports; "*.example.org" for all names below it. origins: as browsers
  // send them, "https://chat.example.org"; ":*" at the end is any port, "scheme://*" anything of a scheme of
  // its own (not http, https, file). kUsage for what is none of these, "*" above all.
  static Result<AccessPolicy> create(const std::vector<std::string>& hosts,
                                     const std::vector<std::string>& origins);

  // host: the header's value, "name:port". local_address: of our end of the connection, "127.0.0.1"; not an
  // IPv4 address within an IPv6 one. Allowed are the hosts configured and our own address, and where that is
  // loopback every name and address of loopback.
  bool allows_host(std::string_view host, std::string_view local_address) const;

  // own_origin: of this server as the client calls it, "http://" + Host, whose host has been allowed.
  bool allows_origin(std::string_view origin, std::string_view own_origin) const;

  // Whether a request may go on to a route that changes or tells anything. The header fields' values; empty:
  // not sent. A page of another site that sends no Origin is an image, a form of old or a link.
  bool allows_page(std::string_view origin, std::string_view fetch_site, std::string_view own_origin) const;

 private:
  std::vector<std::string> hosts_;           // in lower case
  std::vector<std::string> host_suffixes_;   // ".example.org"
  std::vector<std::string> origins_;         // in lower case
  std::vector<std::string> any_port_;        // "http://name", with any port
  std::vector<std::string> origin_schemes_;  // "app://"
};

// Whether an address ("127.0.0.1", "::1") or "localhost" is this machine alone.
bool is_loopback_address(std::string_view address);

}  // namespace hearth::server::http
