#include "store/registry/url.h"

#include <curl/curl.h>

#include <algorithm>
#include <memory>

#include "base/excerpt.h"
#include "base/lower_case.h"

namespace hearth::store::registry {
namespace {

using Handle = std::unique_ptr<CURLU, decltype(&curl_url_cleanup)>;

constexpr size_t kMaxUrlBytes = 16384;

// Of a query, a name and a password nothing is shown.
Error no_url(std::string_view text, std::string_view why) {
  text = text.substr(0, text.find('?'));
  if (const size_t at = text.rfind('@'); at != std::string_view::npos) text = text.substr(at);
  return make_error(ErrorCode::kMalformed, "{}: expected a URL of http or https, found {}",
                    quoted_excerpt(text), why);
}

// "" where there is no such part.
std::string part_of(CURLU* url, CURLUPart part, unsigned flags = 0) {
  char* text = nullptr;
  if (curl_url_get(url, part, &text, flags) != CURLUE_OK) return "";
  std::string copy = text;
  curl_free(text);
  return copy;
}

Result<Url> url_of(CURLU* handle, std::string_view text) {
  Url url;
  url.scheme = part_of(handle, CURLUPART_SCHEME);
  url.host = part_of(handle, CURLUPART_HOST);
  if (url.scheme != "https" && url.scheme != "http") return no_url(text, "another scheme");
  if (url.host.empty()) return no_url(text, "no host");
  if (!part_of(handle, CURLUPART_USER).empty() || !part_of(handle, CURLUPART_PASSWORD).empty())
    return no_url(text, "a name or password in it");
  url.host = lower_case(url.host);
  curl_url_set(handle, CURLUPART_HOST, url.host.c_str(), 0);
  curl_url_set(handle, CURLUPART_FRAGMENT, nullptr, 0);
  if (url.host.starts_with('[') && url.host.ends_with(']'))
    url.host = url.host.substr(1, url.host.size() - 2);
  const std::string port = part_of(handle, CURLUPART_PORT, CURLU_DEFAULT_PORT);
  uint32_t number = 0;
  for (const char digit : port) number = number * 10 + static_cast<uint32_t>(digit - '0');
  if (number == 0 || number > UINT16_MAX) return no_url(text, "no port that exists");
  url.port = static_cast<uint16_t>(number);
  url.path = part_of(handle, CURLUPART_PATH);
  url.text = part_of(handle, CURLUPART_URL);
  return url;
}

Result<Url> parse(std::string_view text, const Url* base) {
  if (text.empty() || text.size() > kMaxUrlBytes)
    return no_url(text.substr(0, 80), fmt::format("{} bytes", text.size()));
  // What other parsers read differently is in no URL that a registry needs.
  if (std::any_of(text.begin(), text.end(), [](char c) { return c <= ' ' || c >= '\x7f' || c == '\\'; }))
    return no_url(text, "a blank, a backslash or a character that is not ASCII");
  const Handle handle(curl_url(), &curl_url_cleanup);
  if (!handle) return Error(ErrorCode::kResourceExhausted, "no memory for a URL");
  if (base != nullptr && curl_url_set(handle.get(), CURLUPART_URL, base->text.c_str(), 0) != CURLUE_OK)
    return no_url(base->text, "none");
  const CURLUcode code = curl_url_set(handle.get(), CURLUPART_URL, std::string(text).c_str(), 0);
  if (code != CURLUE_OK) return no_url(text, curl_url_strerror(code));
  return url_of(handle.get(), text);
}

}  // namespace

std::string Url::origin() const {
  const bool is_ipv6 = host.find(':') != std::string::npos;
  return fmt::format("{}://{}{}{}:{}", scheme, is_ipv6 ? "[" : "", host, is_ipv6 ? "]" : "", port);
}

std::string Url::shown() const {
  return excerpt(text.substr(0, text.find('?')), 200);
}

Result<Url> parse_url(std::string_view text) {
  return parse(text, nullptr);
}

Result<Url> resolve_url(const Url& base, std::string_view reference) {
  return parse(reference, &base);
}

Result<Url> with_query(const Url& url, std::string_view name, std::string_view value) {
  const Handle handle(curl_url(), &curl_url_cleanup);
  const std::string pair = fmt::format("{}={}", name, value);
  if (!handle || curl_url_set(handle.get(), CURLUPART_URL, url.text.c_str(), 0) != CURLUE_OK ||
      curl_url_set(handle.get(), CURLUPART_QUERY, pair.c_str(), CURLU_APPENDQUERY | CURLU_URLENCODE) !=
          CURLUE_OK)
    return no_url(url.text, "one that takes no query");
  return url_of(handle.get(), url.text);
}

}  // namespace hearth::store::registry
