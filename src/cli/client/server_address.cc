#include "cli/client/server_address.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "base/excerpt.h"
#include "cli/options.h"
#include "server/http/local_socket.h"

namespace hearth::cli {
namespace {

constexpr std::string_view kDefaultHost = "127.0.0.1";
constexpr std::string_view kDefaultPort = "11434";

using UrlHandle = std::unique_ptr<CURLU, decltype(&curl_url_cleanup)>;

std::string part_of(CURLU* url, CURLUPart part, unsigned flags = 0) {
  char* text = nullptr;
  if (curl_url_get(url, part, &text, flags) != CURLUE_OK) return "";
  std::string copy(text);
  curl_free(text);
  return copy;
}

// "::1" without brackets would be a host and a port.
std::string with_scheme(std::string_view text) {
  if (text.find("://") != std::string_view::npos) return std::string(text);
  if (text.empty() || text.front() == ':') {
    const bool is_port = text.find(':', 1) == std::string_view::npos;
    if (text.empty() || is_port) return fmt::format("http://{}{}", kDefaultHost, text);
  }
  const bool is_bare_ipv6 = std::count(text.begin(), text.end(), ':') > 1 && text.front() != '[';
  return is_bare_ipv6 ? fmt::format("http://[{}]", text) : fmt::format("http://{}", text);
}

bool is_loopback_host(std::string_view host) {
  return host == "localhost" || host == "[::1]" || host.starts_with("127.");
}

}  // namespace

Result<ServerAddress> parse_server_address(std::string_view text) {
  const bool has_scheme = text.find("://") != std::string_view::npos;
  const UrlHandle url(curl_url(), &curl_url_cleanup);
  const auto refused = [text] {
    return make_error(
        ErrorCode::kUsage,
        "HEARTH_HOST (or OLLAMA_HOST): expected host, host:port, http://host or https://host, found {}",
        quoted_excerpt(text));
  };
  if (!url || curl_url_set(url.get(), CURLUPART_URL, with_scheme(text).c_str(), 0) != CURLUE_OK)
    return refused();
  const std::string scheme = part_of(url.get(), CURLUPART_SCHEME);
  std::string host = part_of(url.get(), CURLUPART_HOST);
  std::string port = part_of(url.get(), CURLUPART_PORT);
  std::string path = part_of(url.get(), CURLUPART_PATH);
  const bool has_more =
      !part_of(url.get(), CURLUPART_QUERY).empty() || !part_of(url.get(), CURLUPART_USER).empty();
  if ((scheme != "http" && scheme != "https") || host.empty() || has_more) return refused();
  if (port.empty()) port = has_scheme ? (scheme == "https" ? "443" : "80") : std::string(kDefaultPort);
  if (host == "0.0.0.0") host = kDefaultHost;
  if (host == "[::]") host = "[::1]";
  while (path.ends_with('/')) path.pop_back();
  int64_t port_number = 0;
  if (!parse_whole_number(port, port_number) || port_number < 0 || port_number > UINT16_MAX) return refused();
  ServerAddress address{.url = fmt::format("{}://{}:{}{}", scheme, host, port, path),
                        .is_loopback = is_loopback_host(host),
                        .host = host,
                        .port = static_cast<uint16_t>(port_number),
                        .socket = {}};
  return address;
}

std::filesystem::path find_local_socket(const ServerAddress& address) {
  // What stands below a path is not Hearth itself.
  const bool has_path = address.url.find('/', address.url.find("://") + 3) != std::string::npos;
  const std::filesystem::path folder = server::http::local_socket_folder();
  const std::string name = server::http::local_socket_name(address.host, address.port);
  if (has_path || folder.empty() || name.empty()) return {};
  const std::filesystem::path socket = folder / name;
  return server::http::is_own_living_socket(socket) ? socket : std::filesystem::path();
}

}  // namespace hearth::cli
