#include "server/http/answer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <ctime>

#include "base/check.h"
#include "server/http/streamed_body.h"

namespace hearth::server::http {
namespace {

std::string_view reason_of(int status) noexcept {
  switch (status) {
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 304:
      return "Not Modified";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 417:
      return "Expectation Failed";
    case 422:
      return "Unprocessable Content";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "";  // which no client reads
  }
}

bool equals_ignoring_case(std::string_view a, std::string_view lower) noexcept {
  return a.size() == lower.size() && std::equal(a.begin(), a.end(), lower.begin(), [](char x, char y) {
           return (x >= 'A' && x <= 'Z' ? static_cast<char>(x - 'A' + 'a') : x) == y;
         });
}

// The server's own business.
bool is_framing(std::string_view name) noexcept {
  constexpr std::array<std::string_view, 4> kFraming = {"content-length", "transfer-encoding", "connection",
                                                        "content-type"};
  return std::any_of(kFraming.begin(), kFraming.end(),
                     [name](std::string_view other) { return equals_ignoring_case(name, other); });
}

bool has(const Headers& headers, std::string_view lower) noexcept {
  return std::any_of(headers.begin(), headers.end(),
                     [lower](const auto& header) { return equals_ignoring_case(header.first, lower); });
}

// A value may quote what a client sent; a line end in it would begin another header.
void add_header(std::string& head, std::string_view name, std::string_view value) {
  head.append(name).append(": ");
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    head += byte < 0x20 || byte == 0x7F ? ' ' : c;
  }
  head += "\r\n";
}

std::string http_date() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&now, &utc);
  // Not strftime, whose names follow the locale.
  constexpr std::array<const char*, 7> kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array<const char*, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  return fmt::format("{}, {:02} {} {} {:02}:{:02}:{:02} GMT", kDays[static_cast<size_t>(utc.tm_wday)],
                     utc.tm_mday, kMonths[static_cast<size_t>(utc.tm_mon)], utc.tm_year + 1900, utc.tm_hour,
                     utc.tm_min, utc.tm_sec);
}

bool has_no_body(int status) noexcept {
  return status == 204 || status == 304;
}

}  // namespace

Answer::Answer(Channel& channel, const bool& draining, AnswerOptions options)
    : channel_(channel), draining_(draining), options_(std::move(options)) {}

Answer::~Answer() {
  try {
    channel_.watch(nullptr);
  } catch (...) {
    // Nobody watches any more, whatever went wrong with it.
  }
}

void Answer::on_disconnect(std::function<void()> callback) {
  if (has_ended()) return;
  channel_.watch(std::move(callback));
}

std::string Answer::make_head(int status, std::string_view content_type, const Headers& headers,
                              Framing framing, size_t length_bytes) {
  const bool has_rest = options_.streamed_body != nullptr && !options_.streamed_body->is_whole();
  if (draining_ || has_rest || framing == Framing::kUntilClose) options_.keep_alive = false;
  status_ = status;
  std::string head = fmt::format("HTTP/1.1 {} {}\r\n", status, reason_of(status));
  add_header(head, "Date", http_date());
  if (!content_type.empty()) add_header(head, "Content-Type", content_type);
  add_header(head, "X-Content-Type-Options", "nosniff");
  if (!has(headers, "cache-control")) add_header(head, "Cache-Control", "no-store");
  add_header(head, "Vary", "Origin");
  for (const auto& [name, value] : options_.headers) add_header(head, name, value);
  for (const auto& [name, value] : headers) {
    if (!is_framing(name)) add_header(head, name, value);
  }
  if (framing == Framing::kLength) add_header(head, "Content-Length", std::to_string(length_bytes));
  if (framing == Framing::kChunked) add_header(head, "Transfer-Encoding", "chunked");
  if (!options_.keep_alive) add_header(head, "Connection", "close");
  head += "\r\n";
  return head;
}

Task<bool> Answer::put(std::string bytes) {
  const bool sent = co_await channel_.write(bytes, options_.write_stall);
  sent_all_ = sent_all_ && sent;
  co_return sent;
}

Task<bool> Answer::send(Response response) {
  HEARTH_CHECK(state_ == State::kNothing);
  state_ = State::kEnded;
  channel_.watch(nullptr);
  const Framing framing = has_no_body(response.status) ? Framing::kNone : Framing::kLength;
  std::string bytes =
      make_head(response.status, response.content_type, response.headers, framing, response.body.size());
  if (!options_.head_only && framing != Framing::kNone) bytes += response.body;
  response.body = std::string();
  // A client that has only ended its side may still read: those that pipe a request into a socket do so.
  co_return co_await put(std::move(bytes));
}

Task<bool> Answer::begin(int status, std::string content_type, Headers headers) {
  HEARTH_CHECK(state_ == State::kNothing);
  state_ = State::kBegun;
  framing_ = options_.head_only || has_no_body(status) ? Framing::kNone
             : options_.http_1_1                       ? Framing::kChunked
                                                       : Framing::kUntilClose;
  if (is_disconnected()) co_return sent_all_ = false;
  std::string head = make_head(status, content_type, headers, framing_, 0);
  co_return co_await put(std::move(head));
}

Task<bool> Answer::write(std::string part) {
  HEARTH_CHECK(state_ == State::kBegun);
  if (is_disconnected()) co_return sent_all_ = false;
  if (framing_ == Framing::kNone || part.empty()) co_return true;
  if (framing_ == Framing::kChunked) part = fmt::format("{:x}\r\n{}\r\n", part.size(), part);
  co_return co_await put(std::move(part));
}

Task<bool> Answer::end() {
  HEARTH_CHECK(state_ == State::kBegun);
  if (is_disconnected()) co_return sent_all_ = false;
  state_ = State::kEnded;
  channel_.watch(nullptr);
  std::string last = framing_ == Framing::kChunked ? "0\r\n\r\n" : "";
  co_return co_await put(std::move(last));
}

}  // namespace hearth::server::http
