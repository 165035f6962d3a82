// What a server that answers 401 wants to see: the header WWW-Authenticate (RFC 9110, section 11.6.1).
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hearth::store::registry {

struct Challenge {
  std::string scheme;                             // "bearer", "basic": in lower case
  std::map<std::string, std::string> parameters;  // names in lower case; values unquoted
  std::string parameter(const std::string& name) const;
};

// All challenges of one header; there may be several in a row. kMalformed where it breaks the grammar, names
// a parameter twice, or is longer than 8 KiB. The token68 form (Negotiate) is kept as a challenge without
// parameters.
Result<std::vector<Challenge>> parse_challenges(std::string_view header);

}  // namespace hearth::store::registry
