// A Go template of any bytes is parsed or refused, and rendering conversations with it ends within its
// limits.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "text/chat/ollama_template.h"

namespace {

using hearth::text::Value;

const Value& conversation() {
  static const auto value = hearth::text::value_from_json(R"({
    "messages": [{"role": "system", "content": "Be terse."},
                 {"role": "user", "content": "H\u00e9 <b> \ud83d\ude42\n "},
                 {"role": "assistant", "content": null, "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": {"x": 1.5, "y": [null]}}}]},
                 {"role": "tool", "content": "22", "name": "f", "tool_call_id": "c"}],
    "tools": [{"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object",
      "required": ["x"], "properties": {"x": {"type": ["number", "null"], "enum": [1]}, "y": {"anyOf": [{"type": "array"}]}}}}}],
    "think": true, "think_level": "high"})");
  return *value;
}

const Value& middle() {
  static const auto value =
      hearth::text::value_from_json(R"({"messages": [], "prompt": "a", "suffix": "b"})");
  return *value;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view source(reinterpret_cast<const char*>(data), size);
  const auto parsed = hearth::text::OllamaTemplate::parse(source, "fuzz");
  if (!parsed) return 0;
  hearth::text::RenderOptions options;
  options.now.emplace();
  options.limits = {.max_steps = 20'000, .max_output_bytes = 1U << 20U, .max_work_bytes = 4U << 20U};
  for (const Value* context : {&conversation(), &middle()}) {
    const auto text = parsed->render(*context, options);
    if (text && text->size() > options.limits.max_output_bytes) __builtin_trap();
  }
  return 0;
}
