#include "server/openai/generation_options.h"

#include <cmath>

#include "server/inference/output_constraint.h"
#include "server/wire/sampling_options.h"

namespace hearth::server::openai {
namespace {

using wire::Field;

constexpr float kMaxBias = 100;

bool is_empty_container(const wire::Json& json) {
  return (json.is_array() || json.is_object()) && json.empty();
}

void read_stop(const Field& field, protocol::Generate& generate) {
  for (std::string& stop : field.string_or_strings()) {
    if (stop.empty()) field.reject("expected texts, found an empty one");
    generate.add_stop(std::move(stop));
  }
}

// The choice of one tool. Nothing: it is noted as wrong.
std::optional<protocol::ToolUse> read_named_tool(const Field& choice, const inference::Tools& tools,
                                                 std::string_view named) {
  const Field type = choice["type"].required();
  const auto kind = type.string();
  if (!kind) return std::nullopt;
  if (*kind != "function") {
    type.reject(fmt::format("{} is not supported, only \"function\"", wire::describe(wire::Json(*kind))));
    return std::nullopt;
  }
  const Field name = named.empty() ? choice["name"] : choice[named].required()["name"];
  protocol::ToolUse use = inference::require_call_of(name, tools);
  use.set_one_call(true);  // "exactly one", as OpenAI says of it
  return use;
}

}  // namespace

void read_sampling(const Field& root, protocol::Generate& generate) {
  protocol::Sampling& sampling = *generate.mutable_sampling();
  sampling.set_temperature(1);
  sampling.set_top_p(1);
  wire::read_sampling(root, sampling);
  for (const protocol::Sampling::Bias& bias : sampling.logit_bias()) {
    const bool is_never = std::isinf(bias.bias());
    if (!is_never && std::fabs(bias.bias()) > kMaxBias) {
      root["logit_bias"].reject(fmt::format("expected biases from -100 to 100, found {}", bias.bias()));
    }
  }
}

void read_generation_options(const Field& root, protocol::Generate& generate) {
  read_sampling(root, generate);
  read_stop(root["stop"], generate);
  if (const auto n = root["n"].integer(1, kMaxAnswers)) generate.set_n(static_cast<uint32_t>(*n));
}

void read_max_tokens(const Field& field, protocol::Generate& generate) {
  const auto limit = field.integer(-1);
  if (!limit) return;
  if (*limit == 0) field.expected("an integer of 1 or more, or -1 for no limit");
  generate.set_max_tokens(*limit);
}

StreamOptions read_stream_options(const Field& root) {
  StreamOptions options;
  options.stream = root["stream"].boolean().value_or(false);
  const Field more = root["stream_options"];
  options.include_usage = more["include_usage"].boolean().value_or(false);
  more["include_obfuscation"].boolean();
  if (more.present() && !options.stream) more.reject("is only allowed with \"stream\": true");
  return options;
}

void read_ignored(const Field& root) {
  for (const char* name : {"user", "safety_identifier", "prompt_cache_key", "prompt_cache_retention",
                           "service_tier", "verbosity"}) {
    root[name].string();
  }
  for (const auto& [name, value] : root["metadata"].members()) value.required().string();
}

void refuse(const Field& root, std::initializer_list<std::string_view> unsupported) {
  for (const std::string_view name : unsupported) {
    const Field field = root[name];
    if (!field.present() || is_empty_container(field.json()) || field.json() == false) continue;
    field.reject("is not supported");
  }
}

void read_format(const Field& format, const Field& schema, protocol::Generate& generate) {
  if (!format.present()) return;
  const Field type = format["type"].required();
  const auto name = type.string();
  if (!name || *name == "text") return;
  if (*name == "json_object") return inference::constrain_to_object(type, generate);
  if (*name != "json_schema") return type.expected("\"text\", \"json_object\" or \"json_schema\"");
  schema.required()["name"].string();
  schema["description"].string();
  schema["strict"].boolean();  // answers are always held to it
  inference::constrain_to_schema(schema["schema"].required(), generate);
}

std::optional<protocol::ToolUse> read_tool_choice(const Field& root, const inference::Tools& tools,
                                                  std::string_view named) {
  const bool one_call = !root["parallel_tool_calls"].boolean().value_or(true);
  const Field choice = root["tool_choice"];
  if (choice.present() && choice.json().is_object()) return read_named_tool(choice, tools, named);
  const std::string how = choice.string().value_or("auto");
  protocol::ToolUse use;
  if (how == "required") {
    use = inference::require_call(choice, tools);
  } else if (how != "auto" && how != "none") {
    choice.expected("\"none\", \"auto\", \"required\" or a function");
  }
  if (how == "none" || tools.empty()) return std::nullopt;
  use.set_one_call(one_call);
  return use;
}

}  // namespace hearth::server::openai
