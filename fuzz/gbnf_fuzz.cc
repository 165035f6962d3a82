// Grammars, and a text to walk them with: "GRAMMAR\0TEXT". Whatever is accepted stays within its limits, and
// a text that a grammar has begun can be gone on with or is whole.
#include <cstdint>
#include <string_view>

#include "text/grammar/gbnf.h"
#include "text/grammar/state_sets.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hearth::text::grammar;  // NOLINT(google-build-using-namespace)
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t end = input.find('\0');
  const auto grammar = parse_gbnf(input.substr(0, end), {.max_expressions = 20'000, .max_states = 20'000});
  if (!grammar || end == std::string_view::npos) return 0;
  StateSets sets(*grammar);
  SetId set = sets.start();
  for (const char c : input.substr(end + 1)) {
    set = sets.next(set, static_cast<uint8_t>(c));
    if (set == StateSets::kDead || set == StateSets::kTooMany) break;
    if (!sets.may_end(set) && !sets.may_go_on(set)) __builtin_trap();
  }
  return 0;
}
