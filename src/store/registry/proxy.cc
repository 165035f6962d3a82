#include <cstdlib>
#include <initializer_list>

#include "store/registry/transport.h"

namespace hearth::store::registry {
namespace {

// NOLINTBEGIN(concurrency-mt-unsafe): nobody sets variables
std::string first_of(std::initializer_list<const char*> names) {
  for (const char* name : names) {
    if (const char* value = std::getenv(name); value != nullptr && *value != '\0') return value;
  }
  return "";
}
// NOLINTEND(concurrency-mt-unsafe)

bool is_loopback_name(std::string_view host) {
  return host == "localhost" || host.ends_with(".localhost") || host == "::1" || host.starts_with("127.");
}

// Of "example.org, .corp, 10.0.0.1": a host is one of them or below one of them.
bool is_excepted(std::string_view host, std::string_view list) {
  while (!list.empty()) {
    const size_t end = std::min(list.find_first_of(", "), list.size());
    std::string_view entry = list.substr(0, end);
    list.remove_prefix(end == list.size() ? end : end + 1);
    if (entry == "*") return true;
    if (entry.starts_with('.')) entry.remove_prefix(1);
    if (entry.empty() || !host.ends_with(entry)) continue;
    if (host.size() == entry.size() || host[host.size() - entry.size() - 1] == '.') return true;
  }
  return false;
}

}  // namespace

std::string proxy_for(const Url& url) {
  if (is_loopback_name(url.host) || is_excepted(url.host, first_of({"no_proxy", "NO_PROXY"}))) return "";
  return url.scheme == "https" ? first_of({"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"})
                               : first_of({"http_proxy", "all_proxy", "ALL_PROXY"});
}

}  // namespace hearth::store::registry
