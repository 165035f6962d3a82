// Requests to a server, one after the other.
#pragma once

#include <chrono>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/result.h"
#include "cli/client/server_address.h"

namespace hearth::cli {

// Answers are JSON; an answer that is an error becomes one, with the server's message. Ctrl-C gives
// kCancelled, a server that is not there kUnavailable with what to do. Redirections are not followed. Not
// thread-safe.
class HttpClient {
 public:
  using Json = nlohmann::ordered_json;
  // A line of a stream, without its newline; an error ends the request.
  using OnLine = std::function<Result<void>(const Json& line)>;

  HttpClient(ServerAddress address, std::string api_key);
  // By HEARTH_HOST and HEARTH_API_KEY; where there is no key, over the server's Unix socket if it is this
  // user's. kUsage where they are malformed.
  static Result<HttpClient> from_environment();

  Result<Json> get(const std::string& path) const;
  Result<Json> post(const std::string& path, const Json& body) const;
  // Where nothing is answered but that it is done.
  Result<void> post_for_nothing(const std::string& path, const Json& body) const;
  Result<void> remove(const std::string& path, const Json& body) const;
  // Each line as it comes. A line that holds an "error" is one.
  Result<void> post_for_lines(const std::string& path, const Json& body, const OnLine& on_line) const;

  // Called about once a second while an answer is awaited; a request of another client may be made in it.
  void on_wait(std::function<void()> callback) { on_wait_ = std::move(callback); }
  // Requests that take longer fail. 0: none does.
  void limit_time(std::chrono::milliseconds limit) { time_limit_ = limit; }

  const std::string& url() const noexcept { return address_.url; }

 private:
  struct Exchange;
  // `method`: null for POST where there is a body, else GET.
  Result<void> perform(Exchange& exchange, const std::string& path, const std::string* body,
                       const char* method = nullptr) const;

  ServerAddress address_;
  std::string api_key_;  // empty: none
  std::function<void()> on_wait_;
  std::chrono::milliseconds time_limit_{0};
};

}  // namespace hearth::cli
