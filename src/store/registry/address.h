// Which addresses a stranger's answer may send us to.
//
// A registry that answers with a redirection chooses the next address. Were it free to choose, it could have
// this machine ask what only this machine may: services on loopback, the routers and printers of the network,
// a cloud's metadata service that hands out credentials.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace hearth::store::registry {

enum class AddressClass : uint8_t {
  kPublic,
  kPrivate,    // RFC 1918, shared (100.64/10), unique local IPv6
  kLoopback,   // 127/8, ::1
  kForbidden,  // link-local, metadata services, unspecified, multicast, reserved: never anybody's registry
};

std::string_view address_class_name(AddressClass address_class);

// By the address that is connected to, not by the name. IPv4 within IPv6 (mapped, compatible, 6to4, NAT64) is
// judged as IPv4. What is neither IPv4 nor IPv6 is forbidden.
AddressClass classify(const sockaddr& address);

// "127.0.0.1", "::1".
std::string address_text(const sockaddr& address);

// The classes of addresses that may be connected to.
class AddressRule {
 public:
  static AddressRule only_public() { return AddressRule(bit(AddressClass::kPublic)); }
  // The person named this host.
  static AddressRule all_but_forbidden() {
    return AddressRule(bit(AddressClass::kPublic) | bit(AddressClass::kPrivate) |
                       bit(AddressClass::kLoopback));
  }
  void allow(AddressClass address_class) { bits_ |= bit(address_class); }
  bool allows(AddressClass address_class) const {
    return address_class != AddressClass::kForbidden && (bits_ & bit(address_class)) != 0;
  }

 private:
  explicit AddressRule(uint32_t bits) : bits_(bits) {}
  static uint32_t bit(AddressClass address_class) { return 1U << static_cast<unsigned>(address_class); }
  uint32_t bits_;
};

}  // namespace hearth::store::registry
