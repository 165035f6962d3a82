#include "server/openai/response_request.h"

#include <algorithm>

#include "server/inference/output_constraint.h"
#include "server/inference/thinking.h"
#include "server/openai/generation_options.h"
#include "server/openai/response_items.h"

namespace hearth::server::openai {
namespace {

using wire::Field;
using wire::Json;

// What else there may be in a response. Thoughts come as they are, with nothing encrypted beside them.
void read_include(const Field& root, ResponseRequest& request) {
  for (const Field& item : root["include"].items()) {
    const std::string name = item.string().value_or("");
    if (name == "message.output_text.logprobs") {
      request.generate.set_logprobs(true);
    } else if (name != "reasoning.encrypted_content") {
      item.expected("\"message.output_text.logprobs\" or \"reasoning.encrypted_content\"");
    }
  }
  const Field top = root["top_logprobs"];
  const auto n = top.integer(0, kMaxTopLogprobs);
  if (n.value_or(0) == 0) return;
  if (!request.generate.logprobs()) {
    top.reject("is only allowed where \"include\" has \"message.output_text.logprobs\"");
  }
  request.generate.set_top_logprobs(static_cast<uint32_t>(*n));
}

void read_metadata(const Field& metadata, Json& echo) {
  constexpr size_t kMostPairs = 16;
  constexpr size_t kLongestKey = 64;
  constexpr size_t kLongestValue = 512;
  echo["metadata"] = Json::object();
  const auto pairs = metadata.members();
  if (pairs.size() > kMostPairs) metadata.expected("at most 16 pairs");
  for (const auto& [name, field] : pairs) {
    auto text = field.required().string();
    if (!text) return;
    if (name.size() > kLongestKey || text->size() > kLongestValue) {
      return field.reject("expected a name of at most 64 bytes and a text of at most 512");
    }
    echo["metadata"][name] = *std::move(text);
  }
}

void read_reasoning(const Field& reasoning, ResponseRequest& request) {
  if (auto think = inference::read_effort(reasoning["effort"])) *request.generate.mutable_think() = *think;
  const auto effort = reasoning["effort"].string();
  const auto summary = reasoning["summary"].string();
  reasoning["generate_summary"].string();
  request.echo["reasoning"] = {{"effort", effort ? Json(*effort) : Json()},
                               {"summary", summary ? Json(*summary) : Json()}};
}

void read_truncation(const Field& truncation) {
  const std::string how = truncation.string().value_or("disabled");
  if (how == "disabled") return;
  if (how == "auto") {
    truncation.reject("\"auto\" is not supported: no part of a conversation is dropped silently");
  } else {
    truncation.expected("\"disabled\"");
  }
}

// Functions in the responses' form, in which all members stand in one object. In `echo` as they came, with
// what a response always has.
inference::Tools read_tools(const Field& list, Json& echo) {
  inference::Tools tools;
  echo = Json::array();
  for (const Field& tool : list.items()) {
    const Field type = tool["type"].required();
    const auto kind = type.string();
    if (!kind) break;  // noted
    if (*kind != "function") {
      type.reject(fmt::format("{} is not supported, only \"function\"", wire::describe(Json(*kind))));
      break;
    }
    tools.add(tool["name"], tool["description"], tool["parameters"]);
    const auto strict = tool["strict"].boolean();
    Json echoed = tool.json();
    for (const char* name : {"description", "parameters"}) {
      if (!echoed.contains(name)) echoed[name] = nullptr;
    }
    echoed["strict"] = strict.value_or(true);
    echo.push_back(std::move(echoed));
  }
  return tools;
}

void read_calls(const Field& root, ResponseRequest& request) {
  const inference::Tools tools = read_tools(root["tools"], request.echo["tools"]);
  request.tools = Json::array();
  if (auto use = read_tool_choice(root, tools, "")) {
    *request.generate.mutable_tool_use() = *std::move(use);
    request.tools = tools.json();
  }
}

void read_text(const Field& text, ResponseRequest& request) {
  const Field format = text["format"];
  read_format(format, format, request.generate);
  text["verbosity"].string();
  request.echo["text"] = {{"format", {{"type", "text"}}}};
  if (format.present()) request.echo["text"]["format"] = format.json();
}

void refuse_unsupported(const Field& root) {
  read_truncation(root["truncation"]);
  root["background"].boolean();
  root["max_tool_calls"].integer();
  refuse(root, {"background", "conversation", "prompt", "moderation", "context_management"});
}

// Whatever repeats the request and was not put there yet.
void complete_echo(const Field& root, const ResponseRequest& request, Json& echo) {
  const auto& sampling = request.generate.sampling();
  const bool limited = request.generate.max_tokens() > 0;
  echo["instructions"] = request.instructions ? Json(*request.instructions) : Json();
  echo["max_output_tokens"] = limited ? Json(request.generate.max_tokens()) : Json();
  echo["temperature"] =
      root["temperature"].present() ? root["temperature"].json() : Json(sampling.temperature());
  echo["top_p"] = root["top_p"].present() ? root["top_p"].json() : Json(sampling.top_p());
  echo["top_logprobs"] = request.generate.top_logprobs();
  echo["previous_response_id"] =
      request.previous_response_id.empty() ? Json() : Json(request.previous_response_id);
  echo["store"] = request.store;
  echo["background"] = false;
  echo["parallel_tool_calls"] = root["parallel_tool_calls"].boolean().value_or(true);
  echo["tool_choice"] = root["tool_choice"].present() ? root["tool_choice"].json() : Json("auto");
  echo["truncation"] = "disabled";
  if (const auto user = root["user"].string()) echo["user"] = *user;
}

}  // namespace

wire::ApiResult<ResponseRequest> read_response_request(std::string_view body) {
  HEARTH_ASSIGN(const wire::JsonBody json, wire::JsonBody::parse(body));
  const Field root = json.root();
  ResponseRequest request;
  request.model = inference::read_model_choice(root);
  request.items = read_input_items(root["input"]);
  request.instructions = root["instructions"].string();
  request.previous_response_id = root["previous_response_id"].string().value_or("");
  request.stream = root["stream"].boolean().value_or(false);
  root["stream_options"]["include_obfuscation"].boolean();
  request.store = root["store"].boolean().value_or(true);
  read_sampling(root, request.generate);
  read_max_tokens(root["max_output_tokens"], request.generate);
  request.generate.set_context_tokens(request.model.wish.context_tokens.value_or(0));
  read_include(root, request);
  read_metadata(root["metadata"], request.echo);
  read_reasoning(root["reasoning"], request);
  read_calls(root, request);
  read_text(root["text"], request);
  inference::read_guides(root, request.generate);
  inference::forbid_constrained_calls(root["tools"], request.generate);
  refuse_unsupported(root);
  read_ignored(root);
  HEARTH_TRY(json.check());
  complete_echo(root, request, request.echo);
  return request;
}

}  // namespace hearth::server::openai
