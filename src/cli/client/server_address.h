// Where the server is that client commands talk to.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hearth::cli {

struct ServerAddress {
  std::string url;           // "http://127.0.0.1:11434", without a slash at its end
  bool is_loopback = false;  // then no proxy stands between
  std::string host;          // "127.0.0.1", "::1"
  uint16_t port = 0;
  std::filesystem::path socket;  // to be used instead; empty: none
};

// From HEARTH_HOST as people write it: "", "host", "host:port", ":port", "[::1]:port", "http://host",
// "https://host:port/path". Without a scheme the port is 11434, else the scheme's. A server that listens on
// every address is reached at this machine's own. kUsage for what is none of these.
Result<ServerAddress> parse_server_address(std::string_view text);

// Where that server is one of this machine, and this user's: its Unix socket (server/http/local_socket.h),
// over which no key is needed. Else empty.
std::filesystem::path find_local_socket(const ServerAddress& address);

}  // namespace hearth::cli
