// What the server makes of bytes before it knows whom they come from: a request's head, its body however it
// is cut into pieces, its target, its Host and its Origin.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "server/http/access_policy.h"
#include "server/http/content_coding.h"
#include "server/http/request_parser.h"
#include "server/http/target.h"

namespace {

using namespace hearth::server::http;

constexpr ParserLimits kLimits{
    .head_bytes = 4096, .n_headers = 20, .target_bytes = 1024, .body_bytes = 10000};

std::string_view value_of(const RequestHead& head, std::string_view name) {
  for (const auto& [key, value] : head.headers) {
    if (key == name) return value;
  }
  return {};
}

void judge(const RequestHead& head) {
  static const AccessPolicy policy =
      std::move(AccessPolicy::create({"*.example.org"}, {"https://a.example:*"})).value();
  const std::string_view host = value_of(head, "host");
  const std::string_view origin = value_of(head, "origin");
  if (policy.allows_host(host, "127.0.0.1")) {
    HEARTH_CHECK(host.find_first_of(" /@,\\") == std::string_view::npos);
  }
  if (policy.allows_origin(origin, "http://localhost")) {
    HEARTH_CHECK(origin.find("://") != std::string_view::npos);
  }
  if (const auto target = parse_target(split_absolute_target(head.target).origin_form)) {
    HEARTH_CHECK(target->path.starts_with('/'));
    HEARTH_CHECK(target->path.find('\0') == std::string::npos);
    HEARTH_CHECK(target->path.find("/../") == std::string::npos);
  }
}

// The body in pieces of `piece_bytes`; nothing: it is refused or not whole.
std::string read_body(RequestParser& parser, std::string_view input, size_t piece_bytes) {
  std::string body;
  std::string pending;
  while (!parser.complete() && !input.empty()) {
    pending += input.substr(0, piece_bytes);
    input.remove_prefix(std::min(piece_bytes, input.size()));
    size_t n_taken = 0;
    if (parser.parse_body(pending, body, n_taken)) return "refused";
    HEARTH_CHECK(n_taken <= pending.size());
    pending.erase(0, n_taken);
  }
  HEARTH_CHECK(body.size() <= kLimits.body_bytes);
  return parser.complete() ? "whole:" + body : "more";
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  HeadScanner whole;
  const auto state = whole.scan(input.substr(0, kLimits.head_bytes));
  HeadScanner byte_by_byte;
  auto slow = HeadScanner::State::kMore;
  for (size_t n = 0; n <= std::min(input.size(), kLimits.head_bytes) && slow == HeadScanner::State::kMore;
       ++n) {
    slow = byte_by_byte.scan(input.substr(0, n));
  }
  HEARTH_CHECK(slow == state && byte_by_byte.length_bytes() == whole.length_bytes());
  if (state != HeadScanner::State::kComplete) return 0;

  std::string bodies[2];
  for (const size_t piece_bytes : {size_t{1} << 20, size_t{1}}) {
    RequestParser parser(kLimits);
    if (parser.parse_head(input.substr(0, whole.length_bytes()))) return 0;
    judge(parser.head());
    bodies[piece_bytes == 1] = read_body(parser, input.substr(whole.length_bytes()), piece_bytes);
    auto decoder = make_content_decoder(value_of(parser.head(), "content-encoding"));
    std::string decoded;
    if (decoder && (*decoder)->decode(bodies[piece_bytes == 1], decoded, 100000)) (void)(*decoder)->finish();
    HEARTH_CHECK(decoded.size() <= 100000);
  }
  // However a body arrives, it is the same, unless a line of it is too long to be waited for.
  HEARTH_CHECK(bodies[0] == bodies[1] || bodies[0] == "refused" || bodies[1] == "refused");
  return 0;
}
