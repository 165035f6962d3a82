#include "server/accounts/exposure.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "base/excerpt.h"

namespace hearth::server::accounts {

bool is_loopback(std::string_view host) {
  if (host == "localhost") return true;
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  if (host.find('\0') != std::string_view::npos) return false;  // at which inet_pton takes the text to end
  const std::string text(host);
  in_addr v4{};
  constexpr uint32_t kLoopbackNet = 127;
  if (inet_pton(AF_INET, text.c_str(), &v4) == 1) return ntohl(v4.s_addr) >> 24U == kLoopbackNet;
  in6_addr v6{};
  if (inet_pton(AF_INET6, text.c_str(), &v6) != 1) return false;
  constexpr size_t kMappedV4 = 12;  // ::ffff:127.0.0.1: where the IPv4 address begins
  return IN6_IS_ADDR_LOOPBACK(&v6) || (IN6_IS_ADDR_V4MAPPED(&v6) && v6.s6_addr[kMappedV4] == kLoopbackNet);
}

Result<void> check_exposure(const Exposure& exposure) {
  const bool is_protected = exposure.has_tls && exposure.has_usable_key;
  if (is_loopback(exposure.host) || is_protected || exposure.insecure) return {};
  std::string steps;
  if (!exposure.has_usable_key) steps += "make an API key (hearth key create NAME)";
  if (!exposure.has_tls) {
    if (!steps.empty()) steps += " and ";
    steps += "give a certificate (--tls-cert FILE --tls-key FILE)";
  }
  return make_error(
      ErrorCode::kUsage,
      "{} can be reached from other machines: {}, or listen on 127.0.0.1 ({} does without, and gives "
      "your models to everybody who reaches it)",
      quoted_excerpt(exposure.host), steps, kInsecureFlag);
}

bool requires_key(const Exposure& exposure, bool wanted) {
  return wanted || (!is_loopback(exposure.host) && !exposure.insecure);
}

}  // namespace hearth::server::accounts
