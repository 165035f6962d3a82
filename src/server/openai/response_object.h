// The object that a response is.
#pragma once

#include <string>
#include <vector>

#include "protocol/engine.pb.h"
#include "server/models/model_service.h"
#include "server/wire/api_error.h"
#include "server/wire/json_text.h"

namespace hearth::server::openai {

// One response, from its beginning to its end.
class ResponseObject {
 public:
  // `echo`: the members that repeat the request.
  ResponseObject(std::string model, wire::Json echo, WallTime now);

  const std::string& id() const noexcept { return id_; }
  wire::Json in_progress() const;
  // How the answer ended: "completed", or "incomplete" where a limit ended it.
  static std::string_view status_of(const protocol::Finished& finished);
  wire::Json finished(const protocol::Finished& finished, const wire::Json& output, WallTime now) const;
  wire::Json failed(const wire::ApiError& error, const wire::Json& output) const;

 private:
  wire::Json object(std::string_view status, const wire::Json& output) const;

  std::string id_;
  std::string model_;
  wire::Json echo_;
  int64_t created_at_;
};

}  // namespace hearth::server::openai
