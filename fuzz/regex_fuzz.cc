// Regular expressions, and a text that they may be found in: "PATTERN\0TEXT". What one says of a text, it
// says of the same text within a JSON string.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/utf8.h"
#include "text/grammar/dfa.h"
#include "text/grammar/json_text.h"
#include "text/grammar/regex.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hearth::text::grammar;  // NOLINT(google-build-using-namespace)
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t end = input.find('\0');
  const std::string text =
      end == std::string_view::npos ? std::string() : hearth::sanitize_utf8(input.substr(end + 1));
  const std::string quoted = json_string(text);
  for (const bool whole : {false, true}) {
    GrammarBuilder builder({.max_expressions = 50'000, .max_states = 50'000});
    const auto plain = add_regex(builder, input.substr(0, end), RegexText::kPlain, whole);
    const auto in_string = add_regex(builder, input.substr(0, end), RegexText::kJsonString, whole);
    if (!plain || !in_string) return 0;
    constexpr size_t kMaxStates = 500;
    const auto of_plain = determinise(builder, *plain, kMaxStates);
    const auto of_string = determinise(builder, *in_string, kMaxStates);
    if (!of_plain || !of_string) return 0;
    if (of_plain->accepts(text) != of_string->accepts(std::string_view(quoted).substr(1, quoted.size() - 2)))
      __builtin_trap();
  }
  return 0;
}
