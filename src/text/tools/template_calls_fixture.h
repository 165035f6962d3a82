// What real chat templates write for an assistant's calls: the oracle of the tests of syntaxes and grammars.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/test_data.h"
#include "text/chat_template/chat_template.h"
#include "text/tools/tool_calls.h"

namespace hearth::text::template_calls {

using Json = nlohmann::ordered_json;

// A template, what its calls are known as, and how it wants to be given them.
struct Case {
  std::string_view name;                               // how it begins
  std::string_view format;                             // empty: no known one
  enum Given { kObjects, kStrings } given = kObjects;  // the arguments
  bool null_content = false;
  int n_calls = 2;
};

inline constexpr Case kCases[] = {
    {"039a4710e2aa", "Mistral with [ARGS]"},
    {"10490379c20a", "Hermes"},
    {"11e23a6f0564", "Mistral", Case::kStrings},
    {"1c81156eb793", "Mistral", Case::kStrings},
    {"2d2ca0f62fb2", "Mistral", Case::kStrings},
    {"2f5ce4b3c1e0", "Apriel"},
    {"2fc9dbfaea55", "functionary v3.1"},
    {"304f0d64aa3b", "GigaChat", Case::kObjects, false, 1},
    {"32bbc801fbb9", "Mistral with [ARGS]"},
    {"39f03c383413", "Mistral with [ARGS]"},
    {"4028aa8395b6", "Mistral", Case::kStrings},
    {"4618a1ec1a34", "Solar Open"},
    {"52ae8e50fa08", "Nemotron Nano v2"},
    {"546b04dba749", "Hermes"},
    {"5816fce10444", "Llama 3", Case::kObjects, false, 1},
    {"5b8f31f11198", "Mistral with [CALL_ID]"},
    {"5ed15374ce53", "Hermes"},
    {"6274dc2eaa7f", "Mistral with [CALL_ID]"},
    {"65f93a25708c", "Gemma 4"},
    {"6d65c8804847", "LFM2"},
    {"71cb9b4b8bb2", "Mistral"},
    {"72ca41d296c1", "DeepSeek V3.2"},
    {"7ce09d55d369", "Hermes"},
    {"831b0dd2199b", "Mistral", Case::kStrings},
    {"87a2728cb8dc", "Hermes"},
    {"8804f445c761", "GLM 4.6"},
    {"8e5a13fcc4bd", "DeepSeek V3.2"},
    {"9524df67b77a", "Hermes"},
    {"967ff7e38767", "MiniMax M2"},
    {"9b1e8d757c66", "Mistral with [ARGS]"},
    {"9fcc72b7c248", "Kimi K2"},
    {"a30b8c4531dd", "Hermes"},
    {"a4aee8afcf2e", "Qwen3-Coder"},
    {"a4c9919cbbd4", "harmony", Case::kObjects, false, 1},
    {"b00c099a0f2f", "Mistral"},
    {"b3e1d4164e18", "Mistral", Case::kStrings},
    {"b43a44686706", "Mistral with [CALL_ID]"},
    {"bbe594884b44", "DeepSeek R1"},
    {"bf9e9ee8c0f2", "Command R"},
    {"c6844dba16a0", "Mistral with [ARGS]"},
    {"cc60b5532793", "Command R7B"},
    {"ccd8297e6bb9", "Mistral with [ARGS]"},
    {"ce62e308475b", "Hermes"},
    {"d287fb2edf14", "Qwen3-Coder"},
    {"d8366efb9f07", "Command R7B"},
    {"d9f5f351b276", "DeepSeek V3.1"},
    {"dd2675619a64", "DeepSeek R1", Case::kStrings, true},
    {"dea688e9f24a", "Apertus"},
    {"e10ca381b1cc", "Llama 3", Case::kObjects, false, 1},
    {"eb168fa3c936", "Mistral", Case::kStrings},
    {"eedfb4650069", "DeepSeek R1"},
    {"f088305cdf86", "Mistral with [ARGS]"},
    {"f777778f775a", "GLM 4.6"},
    {"fae87682d355", "Apriel"},
    {"fbc1b84f673f", "Mistral with [ARGS]"},
    {"fcb749f5c5d6", "FireFunction"},
    {"fd9e52b9a8c9", "Mistral", Case::kStrings},
    {"fed2756d2d24", "Hermes"},
    {"ff9922c622b4", "Mistral with [ARGS]"},
    {"5c7c96c27cfe", "functionary v3.2", Case::kStrings},
    {"own MiroThinker", "MiroThinker"},
    {"own Phi-4", "Phi-4"},
    // These say how calls are written, but write none themselves, or only for Jinja without a sandbox; or
    // they tell of the tools alone.
    {"2294f49b51a0", "LFM2", Case::kObjects, false, 0},
    {"8544f7729994", "MiroThinker", Case::kObjects, false, 0},
    {"f05bf4b967dc", "LFM2", Case::kObjects, false, 0},
    {"1d396d5b128c", "Kimi K2", Case::kObjects, false, 0},
    {"3982464ecf49", "Hermes", Case::kObjects, false, 0},
    {"3c71df5f6599", "Granite 3", Case::kObjects, false, 0},
    {"d7f1fa467948", "Granite 3", Case::kObjects, false, 0},
};

inline const Case* find_case(std::string_view name) {
  for (const Case& known : kCases) {
    if (name.starts_with(known.name)) return &known;
  }
  return nullptr;
}

// Some templates render schemas by a macro that a type of null sends in circles.
inline bool knows_null(const std::string& source) {
  return source.find("json_to_python_type") == std::string::npos;
}

// Every kind of value; strings that look like other things, and with what JSON escapes.
inline Json arguments_of(const std::string& source, int i) {
  Json arguments = Json::parse(R"({
    "city": "S\u00e3o \"Paulo\"\n</b> 🙂", "zip": "00123", "note": "true", "n": 3, "x": -1.5, "b": true,
    "nothing": null, "list": ["a, b", "]"], "nested": {"k": "]}", "l": "{\"}"}})");
  if (i == 1) arguments = Json::parse(R"({"city": "{\"x\": 1}", "n": -40})");
  if (!knows_null(source)) arguments.erase("nothing");
  return arguments;
}

inline Json tools(const std::string& source = {}) {
  Json all = Json::parse(R"([
    {"type": "function", "function": {"name": "get_weather", "description": "Weather", "parameters": {
      "type": "object", "required": ["city", "n"], "additionalProperties": false, "properties": {
        "city": {"type": "string", "description": "City"}, "zip": {"type": "string", "description": "Zip"},
        "note": {"type": "string", "description": "Note"}, "n": {"type": "integer", "description": "N"},
        "x": {"type": "number", "description": "X"}, "b": {"type": "boolean", "description": "B"},
        "nothing": {"type": "null", "description": "Nothing"},
        "list": {"type": "array", "description": "List", "items": {"type": "string"}},
        "nested": {"type": "object", "description": "Nested", "additionalProperties": {"type": "string"}}}}}},
    {"type": "function", "function": {"name": "stop", "description": "Stop", "parameters": {
      "type": "object", "properties": {}, "additionalProperties": false}}}])");
  if (!knows_null(source)) all[0]["function"]["parameters"]["properties"].erase("nothing");
  return all;
}

inline std::string name_of(int i) {
  return i == 2 ? "stop" : "get_weather";
}

struct Written {
  std::string text;  // from the user's message to the end
  std::vector<std::pair<std::string, Json>> calls;
};

inline Result<Written> write_calls(const std::string& source, const Case& known, const std::string& content,
                                   const std::vector<std::pair<std::string, Json>>& calls) {
  Json message{{"role", "assistant"}, {"content", known.null_content ? Json() : Json(content)}};
  for (const auto& [name, arguments] : calls) {
    const Json given = known.given == Case::kStrings ? Json(arguments.dump()) : arguments;
    message["tool_calls"].push_back({{"id", "call0000" + std::to_string(message["tool_calls"].size())},
                                     {"type", "function"},
                                     {"function", {{"name", name}, {"arguments", given}}}});
  }
  const Json context{{"messages", Json::array({{{"role", "user"}, {"content", "Weather?"}}, message})},
                     {"tools", tools(source)},
                     {"functions", "f"},
                     {"datetime", "now"},
                     {"add_generation_prompt", false},
                     {"bos_token", "<s>"},
                     {"eos_token", "</s>"}};
  HEARTH_ASSIGN(const Value value, value_from_json(context.dump()));
  HEARTH_ASSIGN(const ChatTemplate chat, ChatTemplate::parse(source, "template"));
  HEARTH_ASSIGN(const std::string text, chat.render(value));
  const size_t at = text.rfind("Weather?");
  return Written{at == std::string::npos ? text : text.substr(at + 8), calls};
}

inline std::vector<std::pair<std::string, Json>> calls_of(const std::string& source, const Case& known) {
  std::vector<std::pair<std::string, Json>> calls;
  for (int i = 0; i < known.n_calls; ++i) calls.emplace_back(name_of(i), arguments_of(source, i));
  return calls;
}

struct Template {
  std::string name;
  std::string source;
};

// What no template writes that can be had: calls in the form that the models were trained to.
inline const Template kOwnTemplates[] = {
    // MCP's calls in MiroThinker's form. Its own template writes them so, but refers to a name that it does
    // not
    // have.
    {"own MiroThinker", R"({% if tools %}<tools>{{ tools | tojson }}</tools>{% endif %}
{%- for message in messages -%}
<|im_start|>{{ message.role }}
{{ message.content }}
{%- if message.tool_calls %}
<use_mcp_tool>
{%- for call in message.tool_calls %}
<server_name>generic-extras</server_name>
<tool_name>{{ call.function.name }}</tool_name>
<arguments>
{{ call.function.arguments | tojson(ensure_ascii=False) }}
</arguments>
{%- endfor %}
</use_mcp_tool>
{%- endif -%}
<|im_end|>
{%- endfor -%})"},
    // Phi-4-mini's form: the tools in the system's message, calls as a list between its tokens for them.
    {"own Phi-4", R"(<|system|>{% if tools %}<|tool|>{{ tools | tojson }}<|/tool|>{% endif %}<|end|>
{%- for message in messages -%}
<|{{ message.role }}|>{{ message.content }}
{%- if message.tool_calls -%}
<|tool_call|>[
{%- for call in message.tool_calls -%}
{"name": {{ call.function.name | tojson }}, "arguments": {{ call.function.arguments | tojson }}}
{%- if not loop.last %}, {% endif -%}
{%- endfor -%}
]<|/tool_call|>
{%- endif -%}
<|end|>
{%- endfor -%}
{%- if add_generation_prompt -%}<|assistant|>{%- endif -%})"},
};

// The templates of the folder and our own, by name.
inline std::vector<Template> templates(const std::filesystem::path& folder) {
  std::vector<Template> found(std::begin(kOwnTemplates), std::end(kOwnTemplates));
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".jinja") continue;
    found.push_back({entry.path().filename().string(), testing::read_file(entry.path())});
  }
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return found;
}

}  // namespace hearth::text::template_calls
