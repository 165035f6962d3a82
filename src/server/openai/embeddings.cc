#include <array>
#include <bit>

#include "server/inference/generation.h"
#include "server/inference/model_choice.h"
#include "server/openai/api_error.h"
#include "server/openai/generation_options.h"
#include "server/openai/handlers.h"

namespace hearth::server::openai {
namespace {

using wire::Field;
using wire::Json;

constexpr int kBadRequest = 400;
constexpr size_t kMaxInputs = 2048;

struct EmbeddingRequest {
  inference::ModelChoice model;
  protocol::Embed embed;
  bool base64 = false;
};

void read_input(const Field& input, protocol::Embed& embed) {
  if (!input.required().present()) return;
  if (input.json().is_array()) {
    if (input.json().empty() || input.json().size() > kMaxInputs) {
      return input.reject(fmt::format("expected 1 to {} texts, found {}", kMaxInputs, input.json().size()));
    }
    const Json& first = input.json().front();
    if (first.is_number() || first.is_array()) {
      // Clients make them with the vocabulary of OpenAI's models, in which they would mean other words here.
      return input.reject("token ids are not supported, since they depend on the model; send texts");
    }
  }
  for (std::string& text : input.string_or_strings()) embed.add_texts(std::move(text));
}

wire::ApiResult<EmbeddingRequest> read_embedding_request(std::string_view body) {
  HEARTH_ASSIGN(const wire::JsonBody json, wire::JsonBody::parse(body));
  const Field root = json.root();
  EmbeddingRequest request;
  request.model = inference::read_model_choice(root);
  read_input(root["input"], request.embed);
  request.embed.set_dimensions(root["dimensions"].integer(1).value_or(0));
  request.embed.set_truncate(root["truncate"].boolean().value_or(false));
  const Field format = root["encoding_format"];
  const std::string name = format.string().value_or("float");
  if (name != "float" && name != "base64") format.expected("\"float\" or \"base64\"");
  request.base64 = name == "base64";
  read_ignored(root);
  HEARTH_TRY(json.check());
  return request;
}

// RFC 4648, of the numbers as little-endian F32.
std::string base64_of(const google::protobuf::RepeatedField<float>& numbers) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string bytes;
  for (const float number : numbers) {
    const auto bits = std::bit_cast<uint32_t>(number);
    for (unsigned shift = 0; shift < 32; shift += 8) bytes += static_cast<char>((bits >> shift) & 0xFFU);
  }
  std::string text;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t n = std::min<size_t>(3, bytes.size() - i);
    uint32_t group = 0;
    for (size_t j = 0; j < 3; ++j) group = group << 8U | (j < n ? static_cast<uint8_t>(bytes[i + j]) : 0U);
    for (size_t j = 0; j < 4; ++j) text += j <= n ? kDigits[group >> (18 - 6 * j) & 63U] : '=';
  }
  return text;
}

Json embedding_of(const google::protobuf::RepeatedField<float>& numbers, bool base64) {
  if (base64) return base64_of(numbers);
  Json list = Json::array();
  for (const float number : numbers) list.push_back(number);
  return list;
}

Json answer_of(const std::string& model, const protocol::Vectors& vectors, bool base64) {
  Json data = Json::array();
  for (const protocol::Vectors::Vector& vector : vectors.vectors()) {
    data.push_back({{"object", "embedding"},
                    {"index", data.size()},
                    {"embedding", embedding_of(vector.numbers(), base64)}});
  }
  return {
      {"object", "list"},
      {"data", std::move(data)},
      {"model", model},
      {"usage", {{"prompt_tokens", vectors.n_prompt_tokens()}, {"total_tokens", vectors.n_prompt_tokens()}}}};
}

}  // namespace

Task<void> answer_embeddings(const Dependencies& deps, const http::Request& request,
                             http::Responder& responder) {
  auto wanted = read_embedding_request(request.body);
  if (!wanted) {
    co_await send_error(responder, wanted.error());
    co_return;
  }
  const auto lease =
      co_await inference::acquire_model(*deps.models, wanted->model, inference::Ability::kAny, responder);
  if (!lease) {
    co_await send_error(responder, lease.error());
    co_return;
  }
  const int64_t most = (*lease)->description().embedding_length();
  if (wanted->embed.dimensions() > most) {
    const std::string message = fmt::format("dimensions: expected at most the model's {}, found {}", most,
                                            wanted->embed.dimensions());
    co_await send_error(responder, wire::ApiError(kBadRequest, message, "dimensions"));
    co_return;
  }
  protocol::Call message;
  *message.mutable_embed() = std::move(wanted->embed);
  message.mutable_embed()->set_tenant(request.identity.key_id);
  const auto reply = co_await inference::ask_engine(**lease, std::move(message), responder);
  if (!reply) {
    co_await send_error(responder, reply.error());
    co_return;
  }
  http::Response response;
  response.body = wire::dump_json(answer_of(wanted->model.name, reply->vectors(), wanted->base64));
  co_await responder.send(std::move(response));
}

}  // namespace hearth::server::openai
