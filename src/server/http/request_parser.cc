// Beast asserts that a chunked body's end does not arrive byte by byte, which a client decides. What follows
// the assertion is right nevertheless.
#define BOOST_DISABLE_ASSERTS

#include "server/http/request_parser.h"

#include <fmt/format.h>

#include <boost/beast/http/basic_parser.hpp>
#include <limits>

#include "base/excerpt.h"
#include "base/lower_case.h"

namespace hearth::server::http {
namespace {

namespace beast = boost::beast;

// Of all chunks of a body together: nobody sends any, and one to each byte would make a body of much work.
constexpr size_t kMaxChunkExtensionBytes = 4096;

std::string_view to_std(beast::string_view text) {
  return {text.data(), text.size()};
}

// In our words: those of a library are nobody's contract.
const char* what_of(const beast::error_code& ec) {
  using beast::http::error;
  const std::pair<error, const char*> known[] = {{error::bad_method, "the method"},
                                                 {error::bad_target, "the target"},
                                                 {error::bad_field, "the name of a header"},
                                                 {error::bad_value, "the value of a header"},
                                                 {error::bad_content_length, "Content-Length"},
                                                 {error::bad_transfer_encoding, "Transfer-Encoding"}};
  for (const auto& [code, what] : known) {
    if (code == ec) return what;
  }
  return "its lines";
}

bool is_control(char c) noexcept {
  const auto byte = static_cast<unsigned char>(c);
  return byte < 0x20 || byte == 0x7F;
}

}  // namespace

HeadScanner::State HeadScanner::scan(std::string_view input) noexcept {
  const auto bad = [this](const char* problem) {
    problem_ = problem;
    return State::kBad;
  };
  while (position_ < input.size()) {
    const char c = input[position_];
    const bool after_cr = position_ > line_begin_ && input[position_ - 1] == '\r';
    if (after_cr != (c == '\n')) return bad("a line does not end in CR LF");
    if (c == '\n') {
      ++position_;
      const bool empty = position_ == line_begin_ + 2;
      if (empty && line_begin_ == 0) return bad("the request begins with an empty line");
      line_begin_ = position_;
      if (empty) return State::kComplete;
      continue;
    }
    const bool is_blank = c == ' ' || c == '\t';
    if (is_blank && position_ == line_begin_) return bad("a line begins with a blank");
    if (is_control(c) && c != '\r' && c != '\t') return bad("there is a control character");
    ++position_;
  }
  return State::kMore;
}

class RequestParser::Impl : public beast::http::basic_parser<true> {
 public:
  explicit Impl(ParserLimits limits) : limits_(limits) {
    header_limit(static_cast<uint32_t>(limits.head_bytes + 1));
    // Judged here. Without a limit at all, 1.74 refuses every Content-Length.
    body_limit(std::numeric_limits<uint64_t>::max());
    eager(true);
  }

  RequestHead head;
  std::optional<ParseFailure> failure;
  std::string* body = nullptr;
  uint64_t n_body_bytes = 0;

  size_t max_lines_bytes() const noexcept { return limits_.head_bytes; }

  std::optional<ParseFailure> limit_body(uint64_t body_bytes) {
    limits_.body_bytes = std::min(limits_.body_bytes, body_bytes);
    if (head.content_length.value_or(0) <= limits_.body_bytes) return std::nullopt;
    return ParseFailure{.status = 413, .message = too_large()};
  }

  void fail(int status, std::string message, beast::error_code& error) {
    if (!failure) failure = ParseFailure{.status = status, .message = std::move(message)};
    error = make_error_code(boost::system::errc::bad_message);
  }

 private:
  using string_view = beast::string_view;

  void on_request_impl(beast::http::verb /*verb*/, string_view method, string_view target, int version,
                       beast::error_code& error) override {
    if (target.size() > limits_.target_bytes) {
      return fail(414,
                  fmt::format("the target has {} bytes, more than {}", target.size(), limits_.target_bytes),
                  error);
    }
    head.method = to_std(method);
    head.target = to_std(target);
    head.http_1_1 = version == 11;
  }
  void on_response_impl(int /*code*/, string_view /*reason*/, int /*version*/,
                        beast::error_code& /*error*/) override {}

  // Of the head, and behind a chunked body of its trailers, which nobody here wants.
  void on_field_impl(beast::http::field /*field*/, string_view name, string_view value,
                     beast::error_code& error) override {
    if (++n_fields_ > limits_.n_headers) {
      return fail(431, fmt::format("the request has more than {} headers", limits_.n_headers), error);
    }
    if (!in_trailers_) {
      head.headers.emplace_back(lower_case(to_std(name)), to_std(value));
    } else if (n_trailer_bytes_ += name.size() + value.size(); n_trailer_bytes_ > limits_.head_bytes) {
      fail(431, "the trailers are too long", error);
    }
  }

  void on_header_impl(beast::error_code& error) override {
    in_trailers_ = true;
    check_framing(error);
  }
  void check_framing(beast::error_code& error);

  void on_body_init_impl(const boost::optional<uint64_t>& /*length*/, beast::error_code& /*error*/) override {
  }
  size_t on_body_impl(string_view part, beast::error_code& error) override {
    add(part, error);
    return part.size();
  }
  void on_chunk_header_impl(uint64_t size, string_view extensions, beast::error_code& error) override {
    n_extension_bytes_ += extensions.size();
    // In quotes Beast lets a line feed pass, at which others end the line.
    for (const char c : extensions) {
      if (is_control(c) && c != '\t') return fail(400, "the head of a chunk has a control character", error);
    }
    if (n_extension_bytes_ > kMaxChunkExtensionBytes) {
      return fail(400, "the chunks have too many extensions", error);
    }
    if (size > limits_.body_bytes - n_body_bytes) fail_as_too_large(error);
  }
  size_t on_chunk_body_impl(uint64_t /*remaining*/, string_view part, beast::error_code& error) override {
    add(part, error);
    return part.size();
  }
  void on_finish_impl(beast::error_code& /*error*/) override {}

  void add(string_view part, beast::error_code& error) {
    n_body_bytes += part.size();
    if (n_body_bytes > limits_.body_bytes) return fail_as_too_large(error);
    body->append(part.data(), part.size());
  }

  std::string too_large() const {
    return fmt::format("the body is larger than {} bytes", limits_.body_bytes);
  }
  void fail_as_too_large(beast::error_code& error) { fail(413, too_large(), error); }

  // The values of all fields of that name.
  std::vector<std::string_view> values_of(std::string_view name) const {
    std::vector<std::string_view> values;
    for (const auto& [key, value] : head.headers) {
      if (key == name) values.push_back(value);
    }
    return values;
  }

  ParserLimits limits_;
  size_t n_fields_ = 0;
  size_t n_extension_bytes_ = 0;
  size_t n_trailer_bytes_ = 0;
  bool in_trailers_ = false;
};

void RequestParser::Impl::check_framing(beast::error_code& error) {
  const auto hosts = values_of("host");
  if (hosts.size() > 1 || (hosts.empty() && head.http_1_1)) {
    return fail(400, fmt::format("expected one Host header, found {}", hosts.size()), error);
  }
  const auto lengths = values_of("content-length");
  const auto codings = values_of("transfer-encoding");
  if (!lengths.empty() && !codings.empty()) {
    return fail(400, "the request has both Content-Length and Transfer-Encoding", error);
  }
  if (!codings.empty()) {
    if (!head.http_1_1) return fail(400, "Transfer-Encoding needs HTTP/1.1", error);
    if (codings.size() > 1 || lower_case(codings[0]) != "chunked") {
      return fail(400, "expected no Transfer-Encoding but chunked", error);
    }
    head.has_body = true;
  }
  if (!lengths.empty()) {
    const bool is_number =
        !lengths[0].empty() && lengths[0].find_first_not_of("0123456789") == std::string_view::npos;
    if (lengths.size() > 1 || !is_number) return fail(400, "expected one Content-Length, a number", error);
    // Beast has read the number, and refused what does not fit.
    const auto length = content_length();
    head.content_length = length ? *length : 0;
    head.has_body = *head.content_length > 0;
    if (*head.content_length > limits_.body_bytes) return fail_as_too_large(error);
  }
  head.close = !head.http_1_1 || !keep_alive();
  for (const std::string_view value : values_of("expect")) {
    if (lower_case(value) != "100-continue") return fail(417, "expected no Expect but 100-continue", error);
    head.expects_continue = head.http_1_1 && head.has_body;
  }
}

RequestParser::RequestParser(ParserLimits limits) : impl_(std::make_unique<Impl>(limits)) {}
RequestParser::~RequestParser() = default;

const RequestHead& RequestParser::head() const noexcept {
  return impl_->head;
}
std::optional<ParseFailure> RequestParser::limit_body(uint64_t body_bytes) {
  return impl_->limit_body(body_bytes);
}
bool RequestParser::complete() const noexcept {
  return impl_->is_done();
}

std::optional<ParseFailure> RequestParser::parse_head(std::string_view head) {
  beast::error_code error;
  // Once, for the request line: an eager parser goes on to the body, whose bytes are not here.
  impl_->put(boost::asio::const_buffer(head.data(), head.size()), error);
  if (impl_->failure) return impl_->failure;
  if (error == beast::http::error::bad_version) {
    return ParseFailure{.status = 505, .message = "expected HTTP/1.1 or HTTP/1.0"};
  }
  if (error && error != beast::http::error::need_more) {
    return ParseFailure{.status = 400,
                        .message = std::string("the request's head is malformed: ") + what_of(error)};
  }
  if (!impl_->is_header_done()) {
    return ParseFailure{.status = 400, .message = "the request's head is malformed"};
  }
  return std::nullopt;
}

std::optional<ParseFailure> RequestParser::parse_body(std::string_view input, std::string& body,
                                                      size_t& n_taken) {
  n_taken = 0;
  impl_->body = &body;
  while (n_taken < input.size() && !impl_->is_done()) {
    beast::error_code error;
    const std::string_view rest = input.substr(n_taken);
    const size_t n = impl_->put(boost::asio::const_buffer(rest.data(), rest.size()), error);
    n_taken += n;
    if (impl_->failure) return impl_->failure;
    if (error == beast::http::error::need_more) {
      // A chunk's head, or the trailers: both have to be whole.
      if (input.size() - n_taken > impl_->max_lines_bytes()) {
        return ParseFailure{.status = 431, .message = "the head of a chunk, or the trailers, are too long"};
      }
      break;
    }
    if (error) return ParseFailure{.status = 400, .message = "the chunked body is malformed"};
    if (n == 0) break;
  }
  return std::nullopt;
}

}  // namespace hearth::server::http
