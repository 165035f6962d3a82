// A request as handlers see it: parsed, within its limits, and from somebody who may ask.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/async/task.h"

namespace hearth::server::http {

enum class Method { kGet, kHead, kPost, kPut, kDelete, kOptions };
std::string_view method_name(Method method) noexcept;

// Who asks. Without keys on a loopback server everybody is the same local person.
struct Identity {
  std::string key_id;  // of the API key; empty: none was needed and none was given
  std::string name;    // that the key was given; for logs and limits
};

// Why a body did not come whole, as its sender is to be told.
struct BodyFailure {
  int status = 400;  // 499: the client went away, and there is nobody to be told
  std::string message;
};

// A body as it arrives, for a route that asks for that (Route::streamed_body_bytes). What is not asked for
// stays with the client. For the thread of the front.
class BodyReader {
 public:
  virtual ~BodyReader() = default;
  // Appends what there is, at most some 64 KiB, to `bytes`; waits until there is something. False: nothing
  // more comes, which was all of it, or there is a failure().
  virtual Task<bool> read(std::string& bytes) = 0;
  virtual const std::optional<BodyFailure>& failure() const noexcept = 0;
  // The client waits to be told to send it: an answer that comes before the first read() spares it that.
  virtual bool is_held_back() const noexcept = 0;
};

struct Request {
  Method method = Method::kGet;
  std::string path;                                          // decoded, without the query
  std::vector<std::pair<std::string, std::string>> query;    // decoded, in their order
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
  std::vector<std::string> parameters;  // what stood for each {name} of the route's pattern, decoded
  std::string body;                     // whole, decompressed; empty where the route streams it
  BodyReader* streamed_body = nullptr;  // of a route that streams it; as long as the handler runs
  std::string peer;                     // "127.0.0.1", "uid 1000" over a Unix socket
  std::string id;                       // made by the server for each request: "req_" and 24 hex digits
  Identity identity;

  // The first header or parameter of that name; headers in lower case.
  std::optional<std::string_view> header(std::string_view name) const;
  std::optional<std::string_view> query_value(std::string_view name) const;
};

}  // namespace hearth::server::http
