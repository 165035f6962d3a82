#include "cli/client/http_client.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "base/excerpt.h"
#include "cli/environment.h"
#include "cli/interrupt.h"

namespace hearth::cli {
namespace {

using Json = HttpClient::Json;
using Handle = std::unique_ptr<CURL, decltype(&curl_easy_cleanup)>;

constexpr size_t kMaxBodyBytes = size_t{256} << 20U;
constexpr long kConnectTimeoutSeconds = 10;

struct HeaderList {
  HeaderList() = default;
  HeaderList(const HeaderList&) = delete;
  HeaderList& operator=(const HeaderList&) = delete;
  ~HeaderList() { curl_slist_free_all(list); }
  void add(const std::string& line) {
    if (curl_slist* longer = curl_slist_append(list, line.c_str())) list = longer;
  }
  curl_slist* list = nullptr;
};

ErrorCode code_of(long status) {
  switch (status) {
    case 404:
      return ErrorCode::kNotFound;
    case 429:
    case 503:
      return ErrorCode::kUnavailable;
    default:
      return status < 500 ? ErrorCode::kInvalidArgument : ErrorCode::kIo;
  }
}

// {"error": "text"} or {"error": {"message": "text"}}.
std::optional<std::string> error_text(const Json& body) {
  if (!body.is_object() || !body.contains("error")) return std::nullopt;
  const Json& error = body["error"];
  if (error.is_string()) return error.get<std::string>();
  if (error.is_object() && error.contains("message") && error["message"].is_string())
    return error["message"].get<std::string>();
  return error.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Error error_of(long status, const std::string& body) {
  const Json json = Json::parse(body, nullptr, /*allow_exceptions=*/false);
  const std::string text =
      error_text(json).value_or(fmt::format("the server answered {}: {}", status, excerpt(body)));
  constexpr long kUnauthorized = 401;
  constexpr std::string_view kKeyHint = " (HEARTH_API_KEY holds the key that is sent)";
  return {code_of(status), excerpt(text, 1000) + std::string(status == kUnauthorized ? kKeyHint : "")};
}

}  // namespace

// One request under way.
struct HttpClient::Exchange {
  CURL* curl = nullptr;
  const OnLine* on_line = nullptr;  // null: the body is wanted whole
  const std::function<void()>* on_wait = nullptr;
  std::string pending;  // the body, or what has come of a line
  std::optional<Error> failed;

  long status() const {
    long code = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &code);
    return code;
  }

  Result<void> take_line(std::string_view text) const {
    if (text.find_first_not_of(" \r\t") == std::string_view::npos) return {};
    const Json line = Json::parse(text, nullptr, /*allow_exceptions=*/false);
    if (!line.is_object())
      return make_error(ErrorCode::kMalformed, "the server sent a line that is no JSON object: {}",
                        excerpt(text));
    if (const auto error = error_text(line)) return make_error(ErrorCode::kIo, "{}", excerpt(*error, 1000));
    return (*on_line)(line);
  }

  Result<void> take(std::string_view bytes) {
    pending += bytes;
    if (pending.size() > kMaxBodyBytes)
      return make_error(ErrorCode::kMalformed, "the server sent more than {} bytes at once", kMaxBodyBytes);
    if (on_line == nullptr || status() != 200) return {};
    size_t begin = 0;
    for (size_t end = pending.find('\n'); end != std::string::npos; end = pending.find('\n', begin)) {
      HEARTH_TRY(take_line(std::string_view(pending).substr(begin, end - begin)));
      begin = end + 1;
    }
    pending.erase(0, begin);
    return {};
  }

  // For curl: fewer bytes than were given end the transfer.
  static size_t on_bytes(char* bytes, size_t size, size_t count, void* self) {
    auto& exchange = *static_cast<Exchange*>(self);
    const Result<void> taken = exchange.take({bytes, size * count});
    if (taken) return size * count;
    exchange.failed = taken.error();
    return 0;
  }
  static int on_progress(void* self, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
    const auto& exchange = *static_cast<const Exchange*>(self);
    if (*exchange.on_wait) (*exchange.on_wait)();
    return interrupted() ? 1 : 0;
  }
};

HttpClient::HttpClient(ServerAddress address, std::string api_key)
    : address_(std::move(address)), api_key_(std::move(api_key)) {
  static const CURLcode initialised = curl_global_init(CURL_GLOBAL_DEFAULT);
  HEARTH_CHECK(initialised == CURLE_OK);
}

Result<HttpClient> HttpClient::from_environment() {
  // Who comes from Ollama has its variable.
  const std::string own = environment_value("HEARTH_HOST");
  HEARTH_ASSIGN(ServerAddress address,
                parse_server_address(own.empty() ? environment_value("OLLAMA_HOST") : own));
  std::string key = environment_value("HEARTH_API_KEY");
  const bool is_plain = std::all_of(key.begin(), key.end(), [](char c) { return c > ' ' && c <= '~'; });
  if (!is_plain)
    return make_error(ErrorCode::kUsage, "HEARTH_API_KEY: expected letters, digits and signs alone");
  // A key that was given is meant to be used, with what it may do and its limits.
  if (key.empty()) address.socket = find_local_socket(address);
  return HttpClient(std::move(address), std::move(key));
}

Result<void> HttpClient::perform(Exchange& exchange, const std::string& path, const std::string* body,
                                 const char* method) const {
  const Handle curl(curl_easy_init(), &curl_easy_cleanup);
  if (!curl) return make_error(ErrorCode::kResourceExhausted, "no memory for a request");
  exchange.curl = curl.get();
  exchange.on_wait = &on_wait_;
  HeaderList headers;
  const auto set = [&curl](CURLoption option, auto value) { curl_easy_setopt(curl.get(), option, value); };
  // Over the socket there is no TLS, whatever there is at the address.
  const std::string url = (address_.socket.empty() ? address_.url : "http://localhost") + path;
  if (!address_.socket.empty()) set(CURLOPT_UNIX_SOCKET_PATH, address_.socket.c_str());
  set(CURLOPT_URL, url.c_str());
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_CONNECTTIMEOUT, kConnectTimeoutSeconds);
  if (address_.is_loopback) set(CURLOPT_PROXY, "");
  set(CURLOPT_WRITEFUNCTION, &Exchange::on_bytes);
  set(CURLOPT_WRITEDATA, &exchange);
  set(CURLOPT_NOPROGRESS, 0L);
  set(CURLOPT_XFERINFOFUNCTION, &Exchange::on_progress);
  set(CURLOPT_XFERINFODATA, &exchange);
  set(CURLOPT_TIMEOUT_MS, static_cast<long>(time_limit_.count()));
  if (!api_key_.empty()) headers.add("Authorization: Bearer " + api_key_);
  if (body != nullptr) {
    headers.add("Content-Type: application/json");
    headers.add("Expect:");
    set(CURLOPT_POST, 1L);
    set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body->size()));
    set(CURLOPT_POSTFIELDS, body->data());
  }
  if (method != nullptr) set(CURLOPT_CUSTOMREQUEST, method);
  set(CURLOPT_HTTPHEADER, headers.list);

  const CURLcode code = curl_easy_perform(curl.get());
  if (exchange.failed) return *exchange.failed;
  if (interrupted()) return Error(ErrorCode::kCancelled, "interrupted");
  if (code == CURLE_COULDNT_CONNECT)
    return make_error(ErrorCode::kUnavailable, "no server at {}; start one with `hearth serve`",
                      address_.url);
  if (code != CURLE_OK) return make_error(ErrorCode::kIo, "{}: {}", address_.url, curl_easy_strerror(code));
  if (exchange.status() != 200) return error_of(exchange.status(), exchange.pending);
  return {};
}

Result<Json> HttpClient::get(const std::string& path) const {
  Exchange exchange;
  HEARTH_TRY(perform(exchange, path, nullptr));
  Json json = Json::parse(exchange.pending, nullptr, /*allow_exceptions=*/false);
  if (json.is_object()) return json;
  return make_error(ErrorCode::kMalformed, "{}{}: expected a JSON object, found {}", address_.url, path,
                    quoted_excerpt(exchange.pending));
}

Result<Json> HttpClient::post(const std::string& path, const Json& body) const {
  Exchange exchange;
  const std::string text = body.dump(-1, ' ', false, Json::error_handler_t::replace);
  HEARTH_TRY(perform(exchange, path, &text));
  Json json = Json::parse(exchange.pending, nullptr, /*allow_exceptions=*/false);
  if (json.is_object()) return json;
  return make_error(ErrorCode::kMalformed, "{}{}: expected a JSON object, found {}", address_.url, path,
                    quoted_excerpt(exchange.pending));
}

Result<void> HttpClient::post_for_nothing(const std::string& path, const Json& body) const {
  Exchange exchange;
  const std::string text = body.dump(-1, ' ', false, Json::error_handler_t::replace);
  return perform(exchange, path, &text);
}

Result<void> HttpClient::remove(const std::string& path, const Json& body) const {
  Exchange exchange;
  const std::string text = body.dump(-1, ' ', false, Json::error_handler_t::replace);
  return perform(exchange, path, &text, "DELETE");
}

Result<void> HttpClient::post_for_lines(const std::string& path, const Json& body,
                                        const OnLine& on_line) const {
  Exchange exchange;
  exchange.on_line = &on_line;
  const std::string text = body.dump(-1, ' ', false, Json::error_handler_t::replace);
  HEARTH_TRY(perform(exchange, path, &text));
  return exchange.take_line(exchange.pending);  // a last line without a newline
}

}  // namespace hearth::cli
