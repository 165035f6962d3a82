#include "server/http/admission.h"

#include <sys/random.h>

#include <algorithm>
#include <array>
#include <cstdint>

#include "base/excerpt.h"
#include "server/http/target.h"

namespace hearth::server::http {
namespace {

constexpr std::array<std::string_view, 4> kSecretHeaders = {"authorization", "x-api-key", "cookie",
                                                            "proxy-authorization"};
constexpr const char* kAllMethods = "GET, HEAD, POST, PUT, DELETE, OPTIONS";

// A field's value; empty where it was not sent. Several fields count as one value that is none of those
// allowed.
std::string field(const RequestHead& head, std::string_view name) {
  std::string values;
  for (const auto& [key, value] : head.headers) {
    if (key == name) values += values.empty() ? value : ", " + value;
  }
  return values;
}

std::optional<Method> parse_method(std::string_view name) noexcept {
  for (const Method method :
       {Method::kGet, Method::kHead, Method::kPost, Method::kPut, Method::kDelete, Method::kOptions}) {
    if (method_name(method) == name) return method;
  }
  return std::nullopt;
}

std::string list_of(const std::vector<Method>& methods) {
  std::vector<Method> all = methods;
  if (std::find(all.begin(), all.end(), Method::kGet) != all.end()) all.push_back(Method::kHead);
  all.push_back(Method::kOptions);
  std::string list;
  for (const Method method : all) {
    list += list.empty() ? "" : ", ";
    list += method_name(method);
  }
  return list;
}

bool is_list_of_tokens(std::string_view text) noexcept {
  constexpr size_t kMaxBytes = 1024;
  return text.size() <= kMaxBytes && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  std::string_view("!#$%&'*+-.^_`|~, ").find(c) != std::string_view::npos;
         });
}

// `text` without "Bearer " in any case of letters; nothing where it does not begin so.
std::optional<std::string_view> bearer_token(std::string_view text) noexcept {
  constexpr std::string_view kScheme = "bearer ";
  if (text.size() <= kScheme.size()) return std::nullopt;
  for (size_t i = 0; i < kScheme.size(); ++i) {
    const char c = text[i] >= 'A' && text[i] <= 'Z' ? static_cast<char>(text[i] - 'A' + 'a') : text[i];
    if (c != kScheme[i]) return std::nullopt;
  }
  text.remove_prefix(std::min(text.find_first_not_of(' ', kScheme.size()), text.size()));
  return text.empty() ? std::nullopt : std::optional(text);
}

// Decides about one request, one question after the other: each returns whether to go on.
class Judge {
 public:
  Judge(const ServerState& state, const RequestHead& head, const Endpoints& endpoints, Admission& admission)
      : state_(state), head_(head), endpoints_(endpoints), admission_(admission) {}

  void decide() {
    if (check_target() && check_host() && check_origin() && find_route() && check_page()) check_key();
  }

 private:
  bool refuse(int status, std::string_view message, Headers headers = {}) {
    admission_.route = nullptr;
    admission_.response = error_response(admission_.dialect, status, message, admission_.request.id);
    admission_.response->headers = std::move(headers);
    return false;
  }

  bool check_target() {
    const SplitTarget split = split_absolute_target(head_.target);
    admission_.dialect = dialect_of(split.origin_form);
    if (!split.authority.empty() || !split.scheme.empty()) {
      const std::string_view scheme = state_.tls && !is_local() ? "https" : "http";
      if (split.scheme != scheme || split.authority != field(head_, "host")) {
        return refuse(400, "the target names another host than the Host header");
      }
    }
    auto target = parse_target(split.origin_form);
    if (!target) return refuse(400, target.error().message());
    admission_.request.path = std::move(target->path);
    admission_.request.query = std::move(target->query);
    admission_.dialect = dialect_of(admission_.request.path);
    return true;
  }

  bool is_local() const noexcept { return endpoints_.user.has_value(); }

  bool check_host() {
    if (is_local()) return true;
    host_ = field(head_, "host");
    // Browsers, which this is about, speak HTTP/1.1; probes of old need not name a host.
    if (host_.empty() && !head_.http_1_1) return true;
    if (state_.policy.allows_host(host_, endpoints_.local)) return true;
    return refuse(403, fmt::format("host {} is not one of this server's (--allow-host lets further ones in)",
                                   quoted_excerpt(host_)));
  }

  bool check_origin() {
    if (is_local()) return true;  // and nobody is told that a page may read the answer
    origin_ = field(head_, "origin");
    own_origin_ = (state_.tls ? "https://" : "http://") + host_;
    if (!origin_.empty() && state_.policy.allows_origin(origin_, own_origin_)) {
      admission_.headers.emplace_back("Access-Control-Allow-Origin", origin_);
      admission_.headers.emplace_back("Access-Control-Expose-Headers",
                                      "request-id, x-request-id, retry-after");
    }
    return true;
  }

  bool find_route() {
    const auto method = parse_method(head_.method);
    admission_.request.method = method.value_or(Method::kGet);
    // No route is registered for OPTIONS: a match with it lists all methods of the path.
    auto match = state_.router.match(method.value_or(Method::kOptions), admission_.request.path);
    if (method == Method::kOptions) return answer_options(match);
    if (match.route != nullptr) {
      admission_.route = match.route;
      admission_.dialect = match.route->dialect;
      admission_.request.parameters = std::move(match.parameters);
      return true;
    }
    if (!check_page()) return false;
    if (match.allowed.empty()) {
      return refuse(404, fmt::format("there is no {}", quoted_excerpt(admission_.request.path)));
    }
    return refuse(405,
                  fmt::format("{} does not answer {}", quoted_excerpt(admission_.request.path),
                              quoted_excerpt(head_.method, 20)),
                  {{"Allow", list_of(match.allowed)}});
  }

  // Browsers ask so before they send what a plain form could not.
  bool answer_options(const Router::Match& match) {
    if (!origin_.empty() && admission_.headers.empty()) return check_page();
    if (match.allowed.empty()) {
      return refuse(404, fmt::format("there is no {}", quoted_excerpt(admission_.request.path)));
    }
    Response response{.status = 204, .content_type = "", .body = "", .headers = {}};
    response.headers.emplace_back("Allow", list_of(match.allowed));
    if (!origin_.empty()) {
      response.headers.emplace_back("Access-Control-Allow-Methods", kAllMethods);
      const std::string wanted = field(head_, "access-control-request-headers");
      if (!wanted.empty() && is_list_of_tokens(wanted)) {
        response.headers.emplace_back("Access-Control-Allow-Headers", wanted);
      }
      if (field(head_, "access-control-request-private-network") == "true") {
        response.headers.emplace_back("Access-Control-Allow-Private-Network", "true");
      }
      response.headers.emplace_back("Access-Control-Max-Age", "600");
    }
    admission_.response = std::move(response);
    return false;
  }

  bool check_page() {
    if (is_local()) return true;
    if (admission_.route != nullptr && admission_.route->scope == Scope::kPublic) return true;
    if (state_.policy.allows_page(origin_, field(head_, "sec-fetch-site"), own_origin_)) return true;
    if (origin_.empty()) return refuse(403, "requests from pages of other sites need an allowed Origin");
    return refuse(403, fmt::format("origin {} is not allowed (--allow-origin lets further ones in)",
                                   quoted_excerpt(origin_)));
  }

  bool check_key() {
    if (admission_.route->scope == Scope::kPublic) return true;
    const std::string authorization = field(head_, "authorization");
    const std::string api_key = field(head_, "x-api-key");
    Credentials credentials{.key = bearer_token(authorization),
                            .scope = admission_.route->scope,
                            .peer = endpoints_.peer,
                            .peer_is_loopback = endpoints_.peer_is_loopback,
                            .user = endpoints_.user};
    if (!credentials.key && !api_key.empty()) credentials.key = api_key;
    Authentication authentication = state_.authenticator(credentials);
    if (auto* identity = std::get_if<Identity>(&authentication)) {
      admission_.request.identity = std::move(*identity);
      return true;
    }
    const auto& refusal = std::get<Refusal>(authentication);
    Headers headers;
    if (refusal.status == 401) headers.emplace_back("WWW-Authenticate", "Bearer realm=\"hearth\"");
    if (refusal.retry_after)
      headers.emplace_back("Retry-After", std::to_string(refusal.retry_after->count()));
    return refuse(refusal.status, refusal.message, std::move(headers));
  }

  const ServerState& state_;
  const RequestHead& head_;
  const Endpoints& endpoints_;
  Admission& admission_;
  std::string host_;
  std::string origin_;
  std::string own_origin_;
};

}  // namespace

Dialect dialect_of(std::string_view path) noexcept {
  const auto is_below = [path](std::string_view prefix) {
    return path.starts_with(prefix) &&
           (path.size() == prefix.size() || path[prefix.size()] == '/' || path[prefix.size()] == '?');
  };
  if (is_below("/v1/messages")) return Dialect::kAnthropic;
  return is_below("/v1") ? Dialect::kOpenAi : Dialect::kOllama;
}

std::string make_request_id() {
  std::array<unsigned char, 12> bytes{};
  // Never fails for so few bytes once the system has started.
  if (getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) bytes = {};
  std::string id = "req_";
  for (const unsigned char byte : bytes) {
    constexpr const char* kDigits = "0123456789abcdef";
    id += kDigits[byte >> 4];
    id += kDigits[byte & 15];
  }
  return id;
}

Admission admit(const ServerState& state, const RequestHead& head, const Endpoints& endpoints,
                std::string id) {
  Admission admission;
  admission.request.id = std::move(id);
  admission.request.peer = endpoints.peer;
  for (const auto& [name, value] : head.headers) {
    const bool is_secret =
        std::find(kSecretHeaders.begin(), kSecretHeaders.end(), name) != kSecretHeaders.end();
    if (!is_secret) admission.request.headers.emplace_back(name, value);
  }
  Judge(state, head, endpoints, admission).decide();
  return admission;
}

}  // namespace hearth::server::http
