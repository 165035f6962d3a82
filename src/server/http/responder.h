// How a handler answers: once, whole or as a stream.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/async/task.h"

namespace hearth::server::http {

using Headers = std::vector<std::pair<std::string, std::string>>;

struct Response {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  Headers headers = {};  // besides Content-Type, Content-Length and what every response bears
};

// The answer to one request. A handler calls send() once, or begin(), write() ... and end(). For the thread
// of the front; no two of its coroutines at once.
class Responder {
 public:
  virtual ~Responder() = default;

  // False, here and below: the client has gone, or was too slow to read. What is written then is lost, and
  // the handler should end.
  virtual Task<bool> send(Response response) = 0;

  // The head of a response whose body comes in parts: application/x-ndjson, text/event-stream.
  virtual Task<bool> begin(int status, std::string content_type, Headers headers = {}) = 0;
  virtual Task<bool> write(std::string part) = 0;
  virtual Task<bool> end() = 0;

  // For the audit log: the model that the request is about. The name of one that exists, not what the client
  // wrote.
  virtual void note_model(std::string_view /*name*/) {}

  // Whether a head was sent: after that an error can only be told in the body.
  virtual bool has_begun() const noexcept = 0;

  // Called once when the client goes away before the end, on the thread of the front; at once if it has gone
  // already. It is what ends the work for nobody. Null: no more of it.
  virtual void on_disconnect(std::function<void()> callback) = 0;
  virtual bool is_disconnected() const noexcept = 0;
};

}  // namespace hearth::server::http
