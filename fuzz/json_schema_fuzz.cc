// JSON Schemas, and bytes that choose an answer: "SCHEMA\0BYTES". A schema is refused or becomes a grammar;
// every whole text of the grammar is JSON.
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "text/grammar/json_schema.h"
#include "text/grammar/state_sets.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hearth::text::grammar;  // NOLINT(google-build-using-namespace)
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t end = input.find('\0');
  const auto schema =
      nlohmann::ordered_json::parse(input.substr(0, end), nullptr, /*allow_exceptions=*/false);
  if (schema.is_discarded()) return 0;
  GrammarBuilder builder({.max_expressions = 100'000, .max_states = 50'000});
  const auto node = add_json_schema(builder, schema);
  if (!node) return 0;
  const auto grammar = builder.build(*node);
  if (!grammar || end == std::string_view::npos) return 0;
  StateSets sets(*grammar);
  SetId set = sets.start();
  std::string text;
  for (const char c : input.substr(end + 1)) {
    // The byte itself, or the next one that may stand here.
    SetId next = StateSets::kDead;
    for (unsigned i = 0; i < 256 && next == StateSets::kDead; ++i) {
      const auto byte = static_cast<uint8_t>(static_cast<uint8_t>(c) + i);
      next = sets.next(set, byte);
      if (next != StateSets::kDead) text += static_cast<char>(byte);
    }
    if (next == StateSets::kDead || next == StateSets::kTooMany) break;
    set = next;
    if (sets.may_end(set) && !nlohmann::json::accept(text)) __builtin_trap();
  }
  return 0;
}
