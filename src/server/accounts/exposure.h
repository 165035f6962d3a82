// Whether a server may be reached from other machines: never by accident.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace hearth::server::accounts {

// The one flag of `hearth serve` that lifts the rule.
constexpr std::string_view kInsecureFlag = "--insecure-expose-without-keys-or-tls";

struct Exposure {
  std::string host;  // that it is to listen on, as it was asked for
  bool has_tls = false;
  bool has_usable_key = false;
  bool insecure = false;  // kInsecureFlag was given
};

// An address of the loopback interface, or "localhost". Other names are not looked up, and count as the
// world.
bool is_loopback(std::string_view host);

// Beyond loopback it takes TLS and at least one usable key, or the flag. kUsage says what is missing and what
// to do about it.
Result<void> check_exposure(const Exposure& exposure);

// Whether every request needs a key, for Accounts::Options: `wanted` is --require-key.
bool requires_key(const Exposure& exposure, bool wanted);

}  // namespace hearth::server::accounts
