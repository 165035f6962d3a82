// A template of any bytes is parsed or refused, and rendering it ends within its limits.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "text/chat_template/chat_template.h"

namespace {

const hearth::text::Value& conversation() {
  static const auto value = hearth::text::value_from_json(R"({
    "messages": [{"role": "system", "content": "Be terse."},
                 {"role": "user", "content": "H\u00e9 <b> \ud83d\ude42\n "},
                 {"role": "assistant", "content": null, "tool_calls": [{"function": {"name": "f", "arguments": {"x": 1.5}}}]}],
    "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "required": []}}}],
    "add_generation_prompt": true, "bos_token": "<s>", "eos_token": "</s>", "n": -3})");
  return *value;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view source(reinterpret_cast<const char*>(data), size);
  const auto parsed = hearth::text::ChatTemplate::parse(source, "fuzz");
  if (!parsed) return 0;
  hearth::text::RenderOptions options;
  options.now.emplace();
  options.limits = {.max_steps = 20'000, .max_output_bytes = 1U << 20U, .max_work_bytes = 4U << 20U};
  if (const auto rendering = parsed->render_with_ranges(conversation(), options)) {
    for (const auto& [begin, end] : rendering->generated) {
      if (begin > end || end > rendering->text.size()) __builtin_trap();
    }
  }
  return 0;
}
