#include "store/registry/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>

namespace hearth::store::registry {
namespace {

struct Range4 {
  uint32_t network;
  uint32_t bits;
  AddressClass address_class;
};

constexpr uint32_t ip(uint32_t a, uint32_t b, uint32_t c, uint32_t d) {
  return a << 24U | b << 16U | c << 8U | d;
}

// IANA's registry of special-purpose addresses; the first that fits counts.
constexpr Range4 kRanges4[] = {
    {ip(168, 63, 129, 16), 32, AddressClass::kForbidden},    // Azure's metadata service
    {ip(100, 100, 100, 200), 32, AddressClass::kForbidden},  // Alibaba's
    {ip(192, 0, 0, 192), 32, AddressClass::kForbidden},      // Oracle's
    {ip(0, 0, 0, 0), 8, AddressClass::kForbidden},
    {ip(127, 0, 0, 0), 8, AddressClass::kLoopback},
    {ip(169, 254, 0, 0), 16, AddressClass::kForbidden},  // link-local, and most metadata services
    {ip(10, 0, 0, 0), 8, AddressClass::kPrivate},
    {ip(172, 16, 0, 0), 12, AddressClass::kPrivate},
    {ip(192, 168, 0, 0), 16, AddressClass::kPrivate},
    {ip(100, 64, 0, 0), 10, AddressClass::kPrivate},
    {ip(198, 18, 0, 0), 15, AddressClass::kPrivate},  // benchmarking
    {ip(192, 0, 0, 0), 24, AddressClass::kForbidden},
    {ip(224, 0, 0, 0), 3, AddressClass::kForbidden},  // multicast, reserved, broadcast
};

AddressClass classify4(uint32_t address) {
  for (const Range4& range : kRanges4) {
    if ((address ^ range.network) >> (32U - range.bits) == 0) return range.address_class;
  }
  return AddressClass::kPublic;
}

uint32_t ipv4_at(const std::array<uint8_t, 16>& bytes, size_t at) {
  return ip(bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]);
}

AddressClass classify6(const std::array<uint8_t, 16>& bytes) {
  const auto zero_until = [&bytes](size_t end) {
    return std::all_of(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(end),
                       [](uint8_t b) { return b == 0; });
  };
  if (zero_until(15)) return bytes[15] == 1 ? AddressClass::kLoopback : AddressClass::kForbidden;
  if (zero_until(10) && bytes[10] == 0xFF && bytes[11] == 0xFF) return classify4(ipv4_at(bytes, 12));
  if (zero_until(12)) return classify4(ipv4_at(bytes, 12));                       // "IPv4-compatible"
  if (bytes[0] == 0x20 && bytes[1] == 0x02) return classify4(ipv4_at(bytes, 2));  // 6to4
  if (bytes[0] == 0 && bytes[1] == 0x64 && bytes[2] == 0xFF && bytes[3] == 0x9B)  // NAT64
    return classify4(ipv4_at(bytes, 12));
  // Amazon's metadata service has a unique local address.
  constexpr std::array<uint8_t, 16> kMetadata{0xFD, 0x00, 0x0E, 0xC2, 0, 0, 0,    0,
                                              0,    0,    0,    0,    0, 0, 0x02, 0x54};
  if (bytes == kMetadata) return AddressClass::kForbidden;
  if ((bytes[0] & 0xFEU) == 0xFC) return AddressClass::kPrivate;
  // Global unicast is 2000::/3; all else is link-local, multicast or not given out.
  return (bytes[0] & 0xE0U) == 0x20 ? AddressClass::kPublic : AddressClass::kForbidden;
}

}  // namespace

std::string_view address_class_name(AddressClass address_class) {
  switch (address_class) {
    case AddressClass::kPublic:
      return "public";
    case AddressClass::kPrivate:
      return "private";
    case AddressClass::kLoopback:
      return "loopback";
    case AddressClass::kForbidden:
      return "link-local or reserved";
  }
  return "unknown";
}

AddressClass classify(const sockaddr& address) {
  if (address.sa_family == AF_INET) {
    sockaddr_in ipv4{};
    std::memcpy(&ipv4, &address, sizeof(ipv4));
    return classify4(ntohl(ipv4.sin_addr.s_addr));
  }
  if (address.sa_family == AF_INET6) {
    sockaddr_in6 ipv6{};
    std::memcpy(&ipv6, &address, sizeof(ipv6));
    std::array<uint8_t, 16> bytes{};
    std::memcpy(bytes.data(), &ipv6.sin6_addr, bytes.size());
    return classify6(bytes);
  }
  return AddressClass::kForbidden;
}

std::string address_text(const sockaddr& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const void* at = address.sa_family == AF_INET
                       ? static_cast<const void*>(&reinterpret_cast<const sockaddr_in*>(&address)->sin_addr)
                       : &reinterpret_cast<const sockaddr_in6*>(&address)->sin6_addr;
  if (address.sa_family != AF_INET && address.sa_family != AF_INET6) return "no IP address";
  return ::inet_ntop(address.sa_family, at, text.data(), text.size()) == nullptr ? "?" : text.data();
}

}  // namespace hearth::store::registry
