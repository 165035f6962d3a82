#include "server/openai/generation_options.h"

#include <cmath>

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
  root["parallel_tool_calls"].boolean();
  for (const auto& [name, value] : root["metadata"].members()) value.required().string();
}

void refuse_tools(const Field& root) {
  if (const Field tools = root["tools"]; tools.present() && !tools.items().empty()) {
    tools.reject("tools are not supported yet");
  }
  const Field choice = root["tool_choice"];
  if (!choice.present()) return;
  if (choice.json().is_string() && (choice.json() == "none" || choice.json() == "auto")) return;
  choice.reject("tools are not supported yet: expected \"none\" or \"auto\", found " +
                wire::describe(choice.json()));
}

void refuse(const Field& root, std::initializer_list<std::string_view> unsupported) {
  for (const std::string_view name : unsupported) {
    const Field field = root[name];
    if (!field.present() || is_empty_container(field.json()) || field.json() == false) continue;
    field.reject("is not supported");
  }
}

void refuse_formats(const Field& format) {
  const auto type = format["type"].string();
  if (!type || *type == "text") return;
  if (*type == "json_object" || *type == "json_schema") {
    format["type"].reject(fmt::format("\"{}\" is not supported yet, only \"text\"", *type));
  } else {
    format["type"].expected("\"text\"");
  }
}

}  // namespace hearth::server::openai
