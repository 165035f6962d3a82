#include "server/ollama/create_request.h"

#include <algorithm>
#include <array>

#include "server/ollama/run_options.h"
#include "server/wire/json_body.h"

namespace hearth::server::ollama {
namespace {

using wire::ApiResult;
using wire::Field;
using wire::Json;
using wire::JsonBody;

// Refused rather than ignored.
void refuse_what_is_not_there(const JsonBody& body) {
  struct NotThere {
    const char* field;
    const char* why;
  };
  static constexpr std::array<NotThere, 6> kNotThere{
      {{"draft_files", "draft models are not part of this version"},
       {"draft_quantize", "draft models are not part of this version"},
       {"renderer", "renderers are not part of this version: the model's template is rendered"},
       {"parser", "parsers are not part of this version"},
       {"remote_host", "models elsewhere are not part of this version"},
       {"info", "other metadata than the model file's is not part of this version"}}};
  for (const NotThere& one : kNotThere) {
    const Field field = body[one.field];
    if (!field.present()) continue;
    const Json& value = field.json();
    const bool is_nothing = value.is_string() ? value.get_ref<const std::string&>().empty()
                                              : (value.is_object() || value.is_array()) && value.empty();
    if (!is_nothing) field.reject(one.why);
  }
}

Json read_messages(const Field& field) {
  static constexpr std::array<std::string_view, 3> kRoles{"system", "user", "assistant"};
  Json messages = Json::array();
  for (const Field& message : field.items()) {
    const std::string role = message["role"].required().string().value_or("");
    if (std::find(kRoles.begin(), kRoles.end(), role) == kRoles.end())
      message["role"].expected(R"("system", "user" or "assistant")");
    messages.push_back({{"role", role}, {"content", message["content"].required().string().value_or("")}});
  }
  return messages;
}

std::vector<UploadedFile> read_files(const Field& field) {
  std::vector<UploadedFile> files;
  for (const auto& [name, value] : field.members()) {
    const std::string text = value.string().value_or("");
    const auto digest = store::Digest::parse(text);
    if (!digest) {
      value.expected("the digest of a blob, sha256:...");
      continue;
    }
    files.push_back({name, *digest});
  }
  return files;
}

// One GGUF file, which is what an engine applies.
std::optional<UploadedFile> read_adapter(const Field& field) {
  if (!field.present()) return std::nullopt;
  const std::vector<UploadedFile> files = read_files(field);
  if (files.size() > 1) field.reject(fmt::format("expected one adapter, found {}", files.size()));
  if (files.size() != 1) return std::nullopt;
  if (!files.front().name.ends_with(".gguf"))
    field[files.front().name].reject("expected a GGUF file, NAME.gguf");
  return files.front();
}

}  // namespace

ApiResult<CreateRequest> read_create_request(std::string_view text) {
  HEARTH_ASSIGN(const JsonBody body, JsonBody::parse(text));
  CreateRequest request;
  // "name" is what old clients say.
  std::string name = body["model"].string().value_or("");
  if (name.empty()) name = body["name"].string().value_or("");
  refuse_what_is_not_there(body);
  request.from = body["from"].string().value_or("");
  request.files = read_files(body["files"]);
  request.adapter = read_adapter(body["adapters"]);
  if (request.from.empty() == request.files.empty())
    body["from"].reject("expected either a model to start from, or files that were uploaded to /api/blobs");
  request.texts.template_source = body["template"].string();
  request.texts.system = body["system"].string();
  request.texts.licenses = body["license"].string_or_strings();
  if (body["parameters"].present()) {
    const RunOptions checked = read_run_options(body["parameters"]);
    if (!checked.unknown.empty())
      body["parameters"][checked.unknown.front()].reject("is no parameter that is known");
    request.texts.parameters = body["parameters"].object().value_or(Json::object());
  }
  if (body["messages"].present()) request.texts.messages = read_messages(body["messages"]);
  request.texts.requires_version = body["requires"].string().value_or("");
  if (!request.texts.requires_version.empty()) {
    if (const auto allowed = store::check_requires(request.texts.requires_version); !allowed)
      body["requires"].reject(allowed.error().message());
  }
  // "quantization" is what old clients say.
  request.quantize = body["quantize"].string().value_or("");
  if (request.quantize.empty()) request.quantize = body["quantization"].string().value_or("");
  request.stream = body["stream"].boolean().value_or(true);
  HEARTH_TRY(body.check());
  HEARTH_ASSIGN(request.name, store::ModelName::parse(name));
  return request;
}

}  // namespace hearth::server::ollama
