#include "server/openai/response_object.h"

#include "server/inference/random_id.h"
#include "server/openai/tokens.h"
#include "server/wire/timestamp.h"

namespace hearth::server::openai {

using wire::Json;

ResponseObject::ResponseObject(std::string model, Json echo, WallTime now)
    : id_(inference::random_id("resp_")),
      model_(std::move(model)),
      echo_(std::move(echo)),
      created_at_(wire::unix_seconds(now)) {}

Json ResponseObject::object(std::string_view status, const Json& output) const {
  Json object = {
      {"id", id_},        {"object", "response"}, {"created_at", created_at_},     {"completed_at", nullptr},
      {"status", status}, {"error", nullptr},     {"incomplete_details", nullptr}, {"model", model_},
      {"output", output}};
  object.update(echo_);
  return object;
}

Json ResponseObject::in_progress() const {
  return object("in_progress", Json::array());
}

std::string_view ResponseObject::status_of(const protocol::Finished& finished) {
  return finished.reason() == protocol::Finished::STOP ? "completed" : "incomplete";
}

Json ResponseObject::finished(const protocol::Finished& finished, const Json& output, WallTime now) const {
  Json response = object(status_of(finished), output);
  if (finished.reason() == protocol::Finished::STOP) {
    response["completed_at"] = wire::unix_seconds(now);
  } else {
    response["incomplete_details"] = {{"reason", "max_output_tokens"}};
  }
  Usage usage;
  usage.add(finished);
  response["usage"] = usage.response();
  return response;
}

Json ResponseObject::failed(const wire::ApiError& error, const Json& output) const {
  constexpr int kServerErrors = 500;
  Json response = object("failed", output);
  response["error"] = {{"code", error.status < kServerErrors ? "invalid_prompt" : "server_error"},
                       {"message", error.message}};
  return response;
}

}  // namespace hearth::server::openai
