#include "server/ollama/generation_request.h"

#include <algorithm>
#include <array>

#include "server/inference/output_constraint.h"
#include "server/inference/tools.h"
#include "server/ollama/run_options.h"
#include "server/wire/duration.h"

namespace hearth::server::ollama {
namespace {

using wire::ApiResult;
using wire::Field;
using wire::Json;
using wire::JsonBody;

constexpr int64_t kMostTopLogprobs = 20;

std::optional<protocol::Think> read_think(const Field& field) {
  static constexpr std::array<std::string_view, 4> kEfforts{"low", "medium", "high", "max"};
  if (!field.present()) return std::nullopt;
  protocol::Think think;
  if (field.json().is_boolean()) {
    think.set_enabled(field.json().get<bool>());
    return think;
  }
  const std::string effort = field.json().is_string() ? field.json().get<std::string>() : "";
  if (std::find(kEfforts.begin(), kEfforts.end(), effort) == kEfforts.end()) {
    field.expected(R"(true, false, "low", "medium", "high" or "max")");
    return std::nullopt;
  }
  think.set_enabled(true);
  think.set_effort(effort == "max" ? "high" : effort);  // templates know no more
  return think;
}

void read_template(const Field& field, protocol::Generate& generate) {
  auto source = field.string();
  if (!source || source->empty()) return;
  generate.set_template_source(*std::move(source));
}

// What the answer must be: "json", a schema, and as Hearth alone has it, a grammar or a regular expression.
void read_format(const JsonBody& body, protocol::Generate& generate) {
  const Field format = body["format"];
  if (format.present() && format.json() == "json") {
    inference::constrain_to_object(format, generate);
  } else if (format.present() && format.json().is_object()) {
    inference::constrain_to_schema(format, generate);
  } else if (format.present() && format.json() != "") {
    format.expected(R"("json" or a JSON schema)");
  }
  inference::constrain_to_grammar(body["grammar"], generate);
  inference::constrain_to_regex(body["regex"], generate);
}

void read_tools(const Field& field, GenerationRequest& request) {
  const inference::Tools tools = inference::read_function_tools(field);
  if (tools.empty()) return;
  request.tools = tools.json();
  request.generate.mutable_tool_use();  // the model chooses
  inference::forbid_constrained_calls(field, request.generate);
}

bool read_images(const Field& field) {
  return !field.strings().empty();
}

// What both requests have.
void read_common(const JsonBody& body, GenerationRequest& request) {
  request.model = body["model"].required().string().value_or("");
  if (body["model"].present() && request.model.empty()) body["model"].expected("the name of a model");
  request.stream = body["stream"].boolean().value_or(true);
  request.render_only = body["_debug_render_only"].boolean().value_or(false);
  request.truncate = body["truncate"].boolean().value_or(false);
  (void)body["shift"].boolean();  // a context that is full ends the answer, with "length"
  request.wish.keep_alive = wire::read_keep_alive(body["keep_alive"]);
  request.think = read_think(body["think"]);
  read_format(body, request.generate);
  RunOptions options = read_run_options(body["options"]);
  protocol::Generate& generate = request.generate;
  *generate.mutable_sampling() = std::move(options.sampling);
  if (options.max_tokens) generate.set_max_tokens(*options.max_tokens);
  for (std::string& stop : options.stop) generate.add_stop(std::move(stop));
  request.wish.context_tokens = options.num_ctx;
  request.unknown_options = std::move(options.unknown);
  generate.set_logprobs(body["logprobs"].boolean().value_or(false));
  const int64_t top = body["top_logprobs"].integer(0, kMostTopLogprobs).value_or(0);
  if (generate.logprobs()) generate.set_top_logprobs(static_cast<uint32_t>(top));
}

// --- Messages
// -----------------------------------------------------------------------------------------------

Json read_tool_call(const Field& call) {
  const Field function = call["function"].required();
  Json read{{"name", function["name"].required().string().value_or("")}};
  (void)function["index"].integer();
  (void)function["description"].string();
  read["arguments"] = function["arguments"].object().value_or(Json::object());
  Json whole{{"type", "function"}};
  (void)call["type"].string();
  if (const auto id = call["id"].string()) whole["id"] = *id;
  whole["function"] = std::move(read);
  return whole;
}

std::string read_role(const Field& field) {
  static constexpr std::array<std::string_view, 4> kRoles{"system", "user", "assistant", "tool"};
  std::string role = field.required().string().value_or("");
  if (field.present() && std::find(kRoles.begin(), kRoles.end(), role) == kRoles.end())
    field.expected(R"("system", "user", "assistant" or "tool")");
  return role;
}

// A message as chat templates know it. Templates have two names for what the model thought.
Json read_message(const Field& message, bool& has_images) {
  Json read{{"role", read_role(message["role"])}, {"content", message["content"].string().value_or("")}};
  if (auto thinking = message["thinking"].string(); thinking && !thinking->empty()) {
    read["thinking"] = *thinking;
    read["reasoning_content"] = *std::move(thinking);
  }
  Json calls = Json::array();
  for (const Field& call : message["tool_calls"].items()) calls.push_back(read_tool_call(call));
  if (!calls.empty()) read["tool_calls"] = std::move(calls);
  if (auto name = message["tool_name"].string(); name && !name->empty()) read["name"] = *std::move(name);
  if (auto id = message["tool_call_id"].string(); id && !id->empty()) read["tool_call_id"] = *std::move(id);
  has_images = read_images(message["images"]) || has_images;
  return read;
}

void add_message(Json& messages, std::string_view role, const std::string& content) {
  messages.push_back({{"role", role}, {"content", content}});
}

}  // namespace

ApiResult<GenerationRequest> read_generate_request(std::string_view text) {
  HEARTH_ASSIGN(const JsonBody body, JsonBody::parse(text));
  GenerationRequest request;
  request.endpoint = Endpoint::kGenerate;
  read_common(body, request);
  request.prompt = body["prompt"].string().value_or("");
  request.system = body["system"].string().value_or("");
  request.suffix = body["suffix"].string().value_or("");
  request.raw = body["raw"].boolean().value_or(false);
  request.context = body["context"].ids();
  request.has_images = read_images(body["images"]);
  read_template(body["template"], request.generate);
  if (const Field tools = body["tools"]; !tools.items().empty()) tools.reject("are for /api/chat");
  if (request.raw &&
      (!request.system.empty() || !request.context.empty() || !request.generate.template_source().empty()))
    body["raw"].reject("raw mode does not support template, system, or context");
  // Thinking is asked for in the template, which raw goes without.
  if (request.raw && request.think && request.think->enabled())
    body["think"].reject("raw mode does not support thinking");
  HEARTH_TRY(body.check());
  if (!request.raw) {
    if (!request.system.empty()) add_message(request.messages, "system", request.system);
    add_message(request.messages, "user", request.prompt);
  }
  return request;
}

ApiResult<GenerationRequest> read_chat_request(std::string_view text) {
  HEARTH_ASSIGN(const JsonBody body, JsonBody::parse(text));
  GenerationRequest request;
  request.endpoint = Endpoint::kChat;
  read_common(body, request);
  read_tools(body["tools"], request);
  for (const Field& message : body["messages"].items())
    request.messages.push_back(read_message(message, request.has_images));
  HEARTH_TRY(body.check());
  return request;
}

}  // namespace hearth::server::ollama
