#include "store/registry/session.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/excerpt.h"

namespace hearth::store::registry {
namespace {

using Json = nlohmann::json;

constexpr int kMaxRedirections = 5;
constexpr size_t kMaxTokenBytes = 16384;
constexpr uint16_t kHttpsPort = 443;
constexpr uint16_t kHttpPort = 80;

bool is_redirection(long status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

bool may_be_followed(const std::string& method) {
  return method == "GET" || method == "HEAD";
}

// Docker's own registry, which people call by another name than it answers to, and which keeps its tokens
// elsewhere.
constexpr std::string_view kDockerHub = "registry-1.docker.io";

std::string_view registry_host(std::string_view host) {
  return host == "docker.io" ? kDockerHub : host;
}

bool is_known_token_host(const std::string& registry, const std::string& host) {
  return registry == kDockerHub && host == "auth.docker.io";
}

// {"errors": [{"message": "..."}]}, {"error": "..."}, or the text itself; for people.
std::string told_error(const std::string& body) {
  const Json json = Json::parse(body, nullptr, /*allow_exceptions=*/false);
  if (json.is_object() && json.contains("errors") && json["errors"].is_array() && !json["errors"].empty()) {
    const Json& first = json["errors"].front();
    if (first.is_object() && first.contains("message") && first["message"].is_string())
      return excerpt(first["message"].get<std::string>(), 200);
  }
  if (json.is_object() && json.contains("error") && json["error"].is_string())
    return excerpt(json["error"].get<std::string>(), 200);
  return excerpt(body, 200);
}

// An empty one is none. What is no key of ours could end the header that it stands in.
bool may_be_key(std::string_view key) {
  constexpr size_t kMaxKeyBytes = 512;
  return key.size() <= kMaxKeyBytes &&
         std::all_of(key.begin(), key.end(), [](char c) { return c > ' ' && c <= '~'; });
}

bool is_loopback(const Url& url) {
  // libcurl knows localhost by itself, and asks nobody what it means.
  return url.host == "localhost" || literal_address_class(url) == AddressClass::kLoopback;
}

Result<Url> parse_peer(std::string_view from) {
  constexpr uint16_t kPort = 11434;
  const bool has_scheme = from.find("://") != std::string_view::npos;
  auto url = parse_url(has_scheme ? std::string(from) : fmt::format("https://{}", from));
  if (!url || (url->path != "/" && !url->path.empty()) || url->text.find('?') != std::string::npos) {
    return make_error(ErrorCode::kInvalidArgument,
                      "from: expected HOST, HOST:PORT, https://HOST or http://HOST, found {}",
                      quoted_excerpt(from));
  }
  if (has_scheme) return url;
  url->scheme = is_loopback(*url) ? "http" : "https";
  // parse_url gives the scheme's port where none is said.
  if (url->port == kHttpsPort && !from.ends_with(":443")) url->port = kPort;
  return parse_url(url->origin() + "/");
}

Result<std::string> token_of(const Url& url, const std::string& body) {
  const Json json = Json::parse(body, nullptr, /*allow_exceptions=*/false);
  for (const char* name : {"token", "access_token"}) {
    if (!json.is_object() || !json.contains(name) || !json[name].is_string()) continue;
    auto token = json[name].get<std::string>();
    const bool is_plain = std::all_of(token.begin(), token.end(), [](char c) { return c > ' ' && c <= '~'; });
    if (!token.empty() && token.size() <= kMaxTokenBytes && is_plain) return token;
  }
  return make_error(ErrorCode::kMalformed, "GET {}: expected a JSON object with a token, found {}",
                    url.shown(), json.is_object() ? "one without" : "something else");
}

}  // namespace

std::optional<std::chrono::milliseconds> Backoff::next() {
  if (++n_failed_ >= options_->max_tries) return std::nullopt;
  auto pause = options_->first_pause;
  for (size_t i = 1; i < n_failed_ && pause < options_->longest_pause; ++i) pause *= 2;
  pause = std::min(pause, options_->longest_pause);
  std::uniform_int_distribution<int64_t> chance(pause.count() / 2, pause.count());
  return std::chrono::milliseconds(chance(*random_));
}

// A call on its way, over tokens and redirections.
struct Session::Attempt {
  Call call;
  Sink sink;
  Done done;
  Sent sent;
  Url url;
  int n_redirections = 0;
  bool has_asked_for_token = false;
};

LossLimits loss_limits(const RegistryOptions& options) {
  // Of four streams all together about what a second-level cache holds: with four times as much a pull of 2
  // GB takes a tenth longer.
  constexpr uint64_t kMostBufferedBytes = uint64_t{256} << 10U;
  constexpr uint64_t kLeastReadBytes = 1024;
  constexpr uint64_t kMostReadBytes = uint64_t{256} << 10U;
  const uint64_t n_streams = std::max<uint64_t>(options.n_streams, 1);
  const uint64_t part = options.part_bytes;
  return {std::clamp(part / 16 / n_streams, kLeastReadBytes, kMostReadBytes),
          std::clamp<uint64_t>(part / 4 / n_streams, 1, kMostBufferedBytes), part / 2};
}

Result<std::unique_ptr<Session>> Session::create(const ModelName& name, Action action,
                                                 RegistryOptions options) {
  if (options.plain_http && !options.insecure) {
    return make_error(
        ErrorCode::kInvalidArgument,
        "{}: expected https, found http, which is taken with --insecure (\"insecure\": true) only",
        name.host);
  }
  auto url =
      parse_url(fmt::format("{}://{}/", options.plain_http ? "http" : "https", registry_host(name.host)));
  if (!url) return url.error();
  options.transport.verify_tls = !options.insecure;
  options.transport.receive_buffer_bytes = loss_limits(options).read_bytes;
  // Ollama's name for a namespace and a model are parts that need no escaping (store/name.h).
  std::string base = fmt::format("/v2/{}/{}/", name.namespace_, name.model);
  return std::unique_ptr<Session>(
      new Session(name, action, std::move(url).value(), std::move(base), std::move(options)));
}

Result<std::unique_ptr<Session>> Session::create_peer(const ModelName& name, std::string_view from,
                                                      std::string_view key, RegistryOptions options) {
  // There is somebody else to ask.
  constexpr std::chrono::seconds kConnectTimeout{5};
  constexpr std::chrono::seconds kStallTimeout{10};
  constexpr uint64_t kLeastBytesPerSecond = 65536;
  HEARTH_ASSIGN(const Url url, parse_peer(from));
  if (url.scheme == "http" && !options.insecure && !is_loopback(url)) {
    return make_error(
        ErrorCode::kInvalidArgument,
        "from: {}: expected https, found http, which is taken with --insecure (\"insecure\": true) only",
        url.host);
  }
  if (!may_be_key(key)) {
    return make_error(ErrorCode::kInvalidArgument,
                      "from: {}: expected a key of printable characters, found something else", url.host);
  }
  options.credentials.reset();
  options.token_hosts.clear();
  options.max_tries = 1;
  options.transport.verify_tls = !options.insecure;
  options.transport.receive_buffer_bytes = loss_limits(options).read_bytes;
  options.transport.connect_timeout = std::min(options.transport.connect_timeout, kConnectTimeout);
  options.transport.stall_timeout = std::min(options.transport.stall_timeout, kStallTimeout);
  options.transport.min_bytes_per_s = kLeastBytesPerSecond;
  std::unique_ptr<Session> session(new Session(name, Action::kPull, url, "/api/shared/", std::move(options)));
  session->is_peer_ = true;
  if (!key.empty()) session->authorization_ = fmt::format("Bearer {}", key);
  return session;
}

Session::Session(ModelName name, Action action, Url registry, std::string base, RegistryOptions options)
    : name_(std::move(name)),
      action_(action),
      registry_(std::move(registry)),
      base_(std::move(base)),
      options_(std::move(options)),
      transport_(options_.transport),
      random_(std::random_device()()) {}

Result<Url> Session::url_of(const Call& call) const {
  if (call.url) return *call.url;
  return parse_url(fmt::format("{}{}{}", registry_.origin(), base_, call.path));
}

AddressRule Session::rule_for(const Url& url) const {
  // The person named this host. Once it has answered, its name may not begin to mean an address of another
  // kind.
  if (url.host == registry_.host && !registry_class_) return AddressRule::all_but_forbidden();
  AddressRule rule = AddressRule::only_public();
  if (registry_class_) rule.allow(*registry_class_);
  return rule;
}

void Session::send(Call call, Sink sink, Done done, Sent sent) {
  const auto url = url_of(call);
  if (!url) return after(std::chrono::milliseconds(0), [done, error = url.error()] { done(error); });
  attempt(std::make_shared<Attempt>(
      Attempt{std::move(call), std::move(sink), std::move(done), std::move(sent), *url}));
}

void Session::attempt(const std::shared_ptr<Attempt>& attempt) {
  const Call& call = attempt->call;
  Request request{.method = call.method,
                  .url = attempt->url,
                  .headers = call.headers,
                  .body = call.body,
                  .file = call.file,
                  .addresses = rule_for(attempt->url),
                  .max_body_bytes = call.max_body_bytes};
  if (!authorization_.empty() && attempt->url.origin() == registry_.origin())
    request.headers.push_back("Authorization: " + authorization_);
  transport_.start(
      std::move(request), attempt->sink,
      [this, attempt](Result<Response> response) {
        if (response) return take_answer(attempt, std::move(response).value());
        if (!may_fall_back_to_http(response.error())) return attempt->done(response.error());
        registry_.scheme = "http";
        if (registry_.port == kHttpsPort) registry_.port = kHttpPort;
        const auto url = url_of(attempt->call);
        if (!url) return attempt->done(url.error());
        attempt->url = *url;
        this->attempt(attempt);
      },
      attempt->sent);
}

// A host that speaks no TLS, asked for the first time.
bool Session::may_fall_back_to_http(const Error& error) const {
  return options_.insecure && !is_peer_ && registry_.scheme == "https" && !registry_class_ &&
         error.code() == ErrorCode::kUnsupported;
}

void Session::take_answer(const std::shared_ptr<Attempt>& attempt, Response response) {
  const bool is_own = attempt->url.origin() == registry_.origin();
  if (is_own && response.address_class) registry_class_ = response.address_class;
  if (is_peer_) return attempt->done(std::move(response));
  const long status = response.head.status;
  if (status == 401 && is_own && !attempt->has_asked_for_token) return authenticate(attempt, response);
  if (!is_redirection(status) || !may_be_followed(attempt->call.method))
    return attempt->done(std::move(response));
  if (++attempt->n_redirections > kMaxRedirections) {
    return attempt->done(make_error(ErrorCode::kMalformed,
                                    "{} {}: expected at most {} redirections, found more",
                                    attempt->call.method, attempt->url.shown(), kMaxRedirections));
  }
  auto next = follow(attempt->url, response);
  if (!next) return attempt->done(next.error());
  attempt->url = std::move(next).value();
  this->attempt(attempt);
}

Result<Url> Session::follow(const Url& from, const Response& response) const {
  const auto location = response.head.header("location");
  if (!location) {
    return make_error(ErrorCode::kMalformed, "{}: answer {}: expected a header Location, found none",
                      from.shown(), response.head.status);
  }
  auto next = resolve_url(from, *location);
  if (!next) return next.error().in(fmt::format("{}: redirection", from.shown()));
  if (next->scheme != "https" && registry_.scheme != "http") {
    return make_error(ErrorCode::kInvalidArgument, "{}: redirection: expected https, found {}", from.shown(),
                      next->shown());
  }
  const auto literal = literal_address_class(*next);
  if (literal && !rule_for(*next).allows(*literal)) {
    return make_error(ErrorCode::kInvalidArgument,
                      "{}: redirection: expected an address that a registry may send us to, found {} ({})",
                      from.shown(), next->host, address_class_name(*literal));
  }
  return next;
}

void Session::authenticate(const std::shared_ptr<Attempt>& attempt, const Response& refused) {
  attempt->has_asked_for_token = true;
  std::vector<Challenge> challenges;
  for (const auto& [name, value] : refused.head.headers) {
    if (name != "www-authenticate") continue;
    auto parsed = parse_challenges(value);
    if (!parsed) return attempt->done(parsed.error().in(attempt->url.shown()));
    std::move(parsed->begin(), parsed->end(), std::back_inserter(challenges));
  }
  const auto find = [&challenges](std::string_view scheme) {
    return std::find_if(challenges.begin(), challenges.end(),
                        [scheme](const Challenge& challenge) { return challenge.scheme == scheme; });
  };
  if (const auto bearer = find("bearer"); bearer != challenges.end()) {
    const auto url = token_url(*bearer);
    if (!url) return attempt->done(url.error());
    return request_token(attempt, *url);
  }
  if (find("basic") != challenges.end() && options_.credentials) {
    authorization_ = "Basic " + basic_credentials(*options_.credentials);
    return this->attempt(attempt);
  }
  attempt->done(unexpected(attempt->call, refused, "200"));
}

Result<Url> Session::token_url(const Challenge& challenge) const {
  const std::string realm = challenge.parameter("realm");
  auto url = parse_url(realm);
  if (!url) return url.error().in(fmt::format("{}: realm of tokens", registry_.host));
  const bool is_named = std::find(options_.token_hosts.begin(), options_.token_hosts.end(), url->host) !=
                        options_.token_hosts.end();
  if (url->host != registry_.host && !is_named && !is_known_token_host(registry_.host, url->host)) {
    return make_error(
        ErrorCode::kInvalidArgument,
        "{}: realm of tokens: expected the registry's own host, found {} (a token asked for elsewhere "
        "would show somebody else who is asking)",
        registry_.host, excerpt(url->host));
  }
  if (url->scheme != "https" && registry_.scheme != "http") {
    return make_error(ErrorCode::kInvalidArgument, "{}: realm of tokens: expected https, found {}",
                      registry_.host, url->shown());
  }
  if (const std::string service = challenge.parameter("service"); !service.empty()) {
    HEARTH_ASSIGN(url, with_query(*url, "service", service));
  }
  // What we ask for, and not what the registry would have us ask for.
  const std::string scope = fmt::format("repository:{}/{}:{}", name_.namespace_, name_.model,
                                        action_ == Action::kPush ? "pull,push" : "pull");
  return with_query(*url, "scope", scope);
}

void Session::request_token(const std::shared_ptr<Attempt>& attempt, const Url& url) {
  const bool is_own_host = url.host == registry_.host;
  Request request{.url = url, .addresses = is_own_host ? rule_for(url) : AddressRule::all_but_forbidden()};
  if (options_.credentials)
    request.headers.push_back("Authorization: Basic " + basic_credentials(*options_.credentials));
  transport_.start(std::move(request), {}, [this, attempt, url](Result<Response> response) {
    if (!response) return attempt->done(response.error());
    if (response->head.status != 200) return attempt->done(unexpected(Call{.url = url}, *response, "200"));
    const auto token = token_of(url, response->body);
    if (!token) return attempt->done(token.error());
    authorization_ = "Bearer " + *token;
    this->attempt(attempt);
  });
}

Error Session::unexpected(const Call& call, const Response& response, std::string_view expected) const {
  const long status = response.head.status;
  const auto url = url_of(call);
  const std::string told = told_error(response.body);
  const char* hint = "";
  ErrorCode code = ErrorCode::kInvalidArgument;
  if (status == 404) {
    code = ErrorCode::kNotFound;
  } else if (status == 408 || status == 429 || status >= 500) {
    code = ErrorCode::kUnavailable;
  } else if (status < 400) {
    code = ErrorCode::kMalformed;
  } else if (status == 401 && is_peer_) {
    hint = "; a key of that machine is wanted (hearth pull: HEARTH_FROM_KEY)";
  } else if (status == 401 && !options_.credentials) {
    hint = "; no name and password are known for this registry (docker login keeps them)";
  }
  return make_error(code, "{} {}: expected {}, found {}{}{}{}", call.method,
                    url ? url->shown() : registry_.host, expected, status, told.empty() ? "" : ": ", told,
                    hint);
}

Result<Response> Session::ask_once(const Call& call, std::initializer_list<long> expected, const Sent& sent) {
  std::optional<Result<Response>> answer;
  send(
      call, {}, [&answer](Result<Response> response) { answer = std::move(response); }, sent);
  HEARTH_TRY(run([&answer] { return answer.has_value(); }));
  if (!*answer) return answer->error();
  const Response& response = **answer;
  if (std::find(expected.begin(), expected.end(), response.head.status) == expected.end())
    return unexpected(call, response, fmt::format("{}", fmt::join(expected, " or ")));
  return *std::move(answer);
}

Result<Response> Session::ask(const Call& call, std::initializer_list<long> expected) {
  Backoff pauses = backoff();
  while (true) {
    auto answer = ask_once(call, expected, {});
    const bool is_worth_it = !answer && answer.error().code() == ErrorCode::kUnavailable;
    const auto pause = is_worth_it ? pauses.next() : std::nullopt;
    if (!pause) return answer;
    bool is_over = false;
    after(*pause, [&is_over] { is_over = true; });
    HEARTH_TRY(run([&is_over] { return is_over; }));
  }
}

}  // namespace hearth::store::registry
