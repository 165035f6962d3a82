// The bytes of a request become its parts. Boost.Beast's parser does the work; what it tolerates, and two
// parsers could read in two ways (that is how requests are smuggled past a proxy), is refused here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/http/request.h"

namespace hearth::server::http {

// Finds the end of a request's head while it arrives, and looks at each of its bytes once. Refuses bare CR or
// LF, NUL and other controls, and folded lines.
class HeadScanner {
 public:
  enum class State { kMore, kComplete, kBad };
  // input: everything that has arrived of the head so far; what was there in an earlier call is unchanged.
  State scan(std::string_view input) noexcept;
  // Of the head with its empty line, once it is complete.
  size_t length_bytes() const noexcept { return position_; }
  // What is bad.
  const char* problem() const noexcept { return problem_; }

 private:
  size_t position_ = 0;    // of the next byte to look at
  size_t line_begin_ = 0;  // of the line that it is in
  const char* problem_ = "";
};

// The status and the message that a request is answered with that cannot be read.
struct ParseFailure {
  int status = 400;
  std::string message;
};

struct ParserLimits {
  size_t head_bytes;
  size_t n_headers;
  size_t target_bytes;
  uint64_t body_bytes;
};

// The head as it was sent, in what its framing allows.
struct RequestHead {
  std::string method;
  std::string target;
  bool http_1_1 = true;
  bool close = false;                                        // the client wants no further request
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
  bool has_body = false;
  std::optional<uint64_t> content_length;  // nothing with a body: it is chunked
  bool expects_continue = false;
};

// Parses one request. For one thread.
class RequestParser {
 public:
  explicit RequestParser(ParserLimits limits);
  ~RequestParser();
  RequestParser(const RequestParser&) = delete;
  RequestParser& operator=(const RequestParser&) = delete;

  // head: what HeadScanner found complete. Once, first.
  std::optional<ParseFailure> parse_head(std::string_view head);
  const RequestHead& head() const noexcept;
  // Once the head has told whose the body is: no more than so many bytes of it, which are fewer than the
  // limit so far.
  std::optional<ParseFailure> limit_body(uint64_t body_bytes);

  // Takes from the front of `input` what it can, and appends what that says of the body to `body`. Gives back
  // how many bytes it took; call it again with the rest and more.
  std::optional<ParseFailure> parse_body(std::string_view input, std::string& body, size_t& n_taken);
  // Whether the whole request has been taken.
  bool complete() const noexcept;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hearth::server::http
