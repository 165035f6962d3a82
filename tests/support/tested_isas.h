// The instruction sets that tests of whole models go through.
#pragma once

#include <vector>

#include "base/cpu.h"
#include "tests/support/sanitized.h"

namespace hearth::testing {

// Those that this machine has. Sanitized code leaves the reference out: ops_test runs each of its ops there,
// and a whole model takes minutes with it.
inline std::vector<Isa> tested_isas() {
  std::vector<Isa> isas;
  for (const Isa isa : kAllIsas) {
    if (check_isa(isa) && !(kSanitized && isa == Isa::kRef)) isas.push_back(isa);
  }
  return isas;
}

}  // namespace hearth::testing
