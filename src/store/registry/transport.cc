#include "store/registry/transport.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <map>

#include "base/excerpt.h"
#include "base/lower_case.h"

namespace hearth::store::registry {
namespace {

using Clock = std::chrono::steady_clock;
using Easy = std::unique_ptr<CURL, decltype(&curl_easy_cleanup)>;
using Multi = std::unique_ptr<CURLM, decltype(&curl_multi_cleanup)>;

constexpr size_t kMaxHeadBytes = 65536;
constexpr size_t kMaxErrorBodyBytes = 65536;
// curl looks at the rate after a hundred of these.
constexpr long kLimitedBufferBytes = 4096;
constexpr auto kLongestWait = std::chrono::milliseconds(1000);

std::string_view trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

bool is_success(long status) {
  return status >= 200 && status < 300;
}

std::optional<AddressClass> class_of_literal(const char* text) {
  sockaddr_in ipv4{};
  ipv4.sin_family = AF_INET;
  if (::inet_pton(AF_INET, text, &ipv4.sin_addr) == 1)
    return classify(reinterpret_cast<const sockaddr&>(ipv4));
  sockaddr_in6 ipv6{};
  ipv6.sin6_family = AF_INET6;
  if (::inet_pton(AF_INET6, text, &ipv6.sin6_addr) == 1)
    return classify(reinterpret_cast<const sockaddr&>(ipv6));
  return std::nullopt;
}

AddressClass class_of_text(const char* text) {
  return class_of_literal(text).value_or(AddressClass::kForbidden);
}

// One request under way.
struct Exchange {
  Exchange(Request wanted, Sink taker, Done when_done, Sent when_sent)
      : request(std::move(wanted)),
        sink(std::move(taker)),
        done(std::move(when_done)),
        sent(std::move(when_sent)) {}
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;
  ~Exchange() { curl_slist_free_all(headers); }

  std::string where() const { return fmt::format("{} {}", request.method, request.url.shown()); }

  Request request;
  Sink sink;
  Done done;
  Sent sent;
  Easy curl{nullptr, &curl_easy_cleanup};
  curl_slist* headers = nullptr;
  bool uses_proxy = false;
  uint64_t n_sent = 0;
  size_t head_bytes = 0;
  Response response;
  bool body_is_cut = false;        // of an error's text there was more
  std::optional<Error> failed;     // why we ended it
  std::optional<Error> forbidden;  // the address that was refused

  bool refuse(const char* address, AddressClass address_class) {
    if (uses_proxy || request.addresses.allows(address_class)) return false;
    forbidden = make_error(ErrorCode::kInvalidArgument,
                           "{}: expected an address that a registry may send us to, found {} ({})", where(),
                           address, address_class_name(address_class));
    return true;
  }

  // Once the head is whole.
  Result<void> judge_head() {
    long status = 0;
    curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
    response.head.status = status;
    if (!is_success(status)) return {};
    const auto coding = response.head.header("content-encoding");
    if (coding && lower_case(*coding) != "identity") {
      return make_error(ErrorCode::kMalformed, "{}: expected a body as it is, found Content-Encoding: {}",
                        where(), excerpt(*coding));
    }
    curl_off_t length = -1;
    curl_easy_getinfo(curl.get(), CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    if (!sink && request.method != "HEAD" && length > 0 &&
        static_cast<uint64_t>(length) > request.max_body_bytes)
      return too_long(static_cast<uint64_t>(length));
    return {};
  }

  Error too_long(uint64_t found) const {
    return make_error(ErrorCode::kMalformed, "{}: expected at most {} bytes, found {}{}", where(),
                      request.max_body_bytes, found,
                      found > request.max_body_bytes + CURL_MAX_WRITE_SIZE ? "" : " or more");
  }

  Result<void> take_header(std::string_view line) {
    head_bytes += line.size();
    if (head_bytes > kMaxHeadBytes) {
      return make_error(ErrorCode::kMalformed, "{}: expected a head of at most {} bytes, found more", where(),
                        kMaxHeadBytes);
    }
    if (line.starts_with("HTTP/")) {  // another one follows an interim response
      response.head = Head();
      return {};
    }
    const std::string_view text = trimmed(line);
    if (text.empty()) return judge_head();
    if (const size_t colon = text.find(':'); colon != std::string_view::npos)
      response.head.headers.emplace_back(lower_case(text.substr(0, colon)), trimmed(text.substr(colon + 1)));
    return {};
  }

  Result<void> take_body(std::string_view bytes) {
    if (!is_success(response.head.status)) {
      const size_t n = std::min(bytes.size(), kMaxErrorBodyBytes - response.body.size());
      response.body += bytes.substr(0, n);
      body_is_cut = n < bytes.size();
      return {};
    }
    if (sink) return sink(response.head, bytes);
    if (response.body.size() + bytes.size() > request.max_body_bytes)
      return too_long(response.body.size() + bytes.size());
    response.body += bytes;
    return {};
  }

  // --- What curl calls. Fewer bytes than were given end the transfer.

  static size_t on_header(char* bytes, size_t size, size_t count, void* self) {
    auto& exchange = *static_cast<Exchange*>(self);
    if (const auto taken = exchange.take_header({bytes, size * count}); !taken) {
      exchange.failed = taken.error();
      return 0;
    }
    return size * count;
  }
  static size_t on_body(char* bytes, size_t size, size_t count, void* self) {
    auto& exchange = *static_cast<Exchange*>(self);
    if (const auto taken = exchange.take_body({bytes, size * count}); !taken) {
      exchange.failed = taken.error();
      return 0;
    }
    return exchange.body_is_cut ? 0 : size * count;
  }
  static size_t on_read(char* bytes, size_t size, size_t count, void* self) {
    auto& exchange = *static_cast<Exchange*>(self);
    const FileBody& file = *exchange.request.file;
    const auto room =
        static_cast<size_t>(std::min<uint64_t>(size * count, file.size_bytes - exchange.n_sent));
    if (room == 0) return 0;
    const ssize_t n =
        ::pread(file.descriptor, bytes, room, static_cast<off_t>(file.offset + exchange.n_sent));
    if (n <= 0) {
      exchange.failed = make_error(ErrorCode::kIo, "{}: the blob cannot be read: expected {} more bytes",
                                   exchange.where(), room);
      return CURL_READFUNC_ABORT;
    }
    exchange.n_sent += static_cast<uint64_t>(n);
    if (exchange.sent) exchange.sent(exchange.n_sent);
    return static_cast<size_t>(n);
  }
  static int on_seek(void* self, curl_off_t offset, int origin) {
    if (origin != SEEK_SET || offset < 0) return CURL_SEEKFUNC_CANTSEEK;
    static_cast<Exchange*>(self)->n_sent = static_cast<uint64_t>(offset);
    return CURL_SEEKFUNC_OK;
  }
  static curl_socket_t on_open_socket(void* self, curlsocktype /*purpose*/, curl_sockaddr* address) {
    auto& exchange = *static_cast<Exchange*>(self);
    if (exchange.refuse(address_text(address->addr).c_str(), classify(address->addr))) return CURL_SOCKET_BAD;
    return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
  }
  // Before the request goes out, on a connection that was kept open too.
  static int on_connected(void* self, char* primary_ip, char* /*local_ip*/, int /*port*/,
                          int /*local_port*/) {
    auto& exchange = *static_cast<Exchange*>(self);
    return exchange.refuse(primary_ip, class_of_text(primary_ip)) ? CURL_PREREQFUNC_ABORT
                                                                  : CURL_PREREQFUNC_OK;
  }
};

Error error_of(const Exchange& exchange, CURLcode code, const char* details,
               const TransportOptions& options) {
  const std::string where = exchange.where();
  const char* reason = *details != '\0' ? details : curl_easy_strerror(code);
  switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
      return make_error(ErrorCode::kUnavailable, "{}: expected an answer or bytes within {} s, found none",
                        where, options.stall_timeout.count());
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
      return make_error(ErrorCode::kIo, "{}: expected a certificate that can be verified, found: {}", where,
                        excerpt(reason, 200));
    case CURLE_SSL_CONNECT_ERROR:
      return make_error(ErrorCode::kUnsupported, "{}: expected a host that speaks TLS, found: {}", where,
                        excerpt(reason, 200));
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
      return make_error(ErrorCode::kUnavailable, "{}: expected a connection, found: {}", where,
                        excerpt(reason, 200));
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_GOT_NOTHING:
      return make_error(ErrorCode::kUnavailable, "{}: expected a whole answer, found: {}", where,
                        excerpt(reason, 200));
    case CURLE_OUT_OF_MEMORY:
      return make_error(ErrorCode::kResourceExhausted, "{}: no memory", where);
    default:
      return make_error(ErrorCode::kMalformed, "{}: expected an answer in HTTP, found: {}", where,
                        excerpt(reason, 200));
  }
}

}  // namespace

std::optional<AddressClass> literal_address_class(const Url& url) {
  return class_of_literal(url.host.c_str());
}

std::optional<std::string_view> Head::header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (key == name) return value;
  }
  return std::nullopt;
}

class Transport::State {
 public:
  explicit State(TransportOptions options) : options_(std::move(options)) {
    static const CURLcode initialised = curl_global_init(CURL_GLOBAL_DEFAULT);
    HEARTH_CHECK(initialised == CURLE_OK);
    multi_.reset(curl_multi_init());
    HEARTH_CHECK(multi_ != nullptr);
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() { drop_all(); }

  void drop_all() {
    for (const auto& [curl, exchange] : running_) curl_multi_remove_handle(multi_.get(), curl);
    running_.clear();
    timers_.clear();
  }

  void start(Request request, Sink sink, Done done, Sent sent) {
    auto exchange =
        std::make_unique<Exchange>(std::move(request), std::move(sink), std::move(done), std::move(sent));
    exchange->curl.reset(curl_easy_init());
    HEARTH_CHECK(exchange->curl != nullptr);
    prepare(*exchange);
    CURL* curl = exchange->curl.get();
    running_.emplace(curl, std::move(exchange));
    share_rate();
    HEARTH_CHECK(curl_multi_add_handle(multi_.get(), curl) == CURLM_OK);
  }

  void after(std::chrono::milliseconds delay, std::function<void()> callback) {
    timers_.emplace(Clock::now() + delay, std::move(callback));
  }

  Result<void> run(const std::function<bool()>& is_done) {
    while (!is_done()) {
      if (is_cancelled()) return Error(ErrorCode::kCancelled, "cancelled");
      int n_running = 0;
      if (const CURLMcode code = curl_multi_perform(multi_.get(), &n_running); code != CURLM_OK)
        return make_error(ErrorCode::kIo, "the network cannot be used: {}", curl_multi_strerror(code));
      if (conclude_exchanges() || fire_timers()) continue;
      HEARTH_CHECK(!running_.empty() || !timers_.empty());  // else nobody could ever end this
      wait();
    }
    return {};
  }

  bool is_cancelled() const {
    if (options_.cancel_descriptor < 0) return false;
    pollfd look{options_.cancel_descriptor, POLLIN, 0};
    return ::poll(&look, 1, 0) > 0;
  }

 private:
  template <typename Value>
  static void set(Exchange& exchange, CURLoption option, Value value) {
    HEARTH_CHECK(curl_easy_setopt(exchange.curl.get(), option, value) == CURLE_OK);
  }

  void prepare(Exchange& exchange) const {
    const Request& request = exchange.request;
    set(exchange, CURLOPT_URL, request.url.text.c_str());
    set(exchange, CURLOPT_PROTOCOLS_STR, "http,https");
    set(exchange, CURLOPT_HTTP_VERSION,
        CURL_HTTP_VERSION_1_1);  // parallel parts want connections of their own
    set(exchange, CURLOPT_FOLLOWLOCATION, 0L);
    set(exchange, CURLOPT_NOSIGNAL, 1L);
    set(exchange, CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
    set(exchange, CURLOPT_USERAGENT, "hearth");
    set(exchange, CURLOPT_CONNECTTIMEOUT, static_cast<long>(options_.connect_timeout.count()));
    set(exchange, CURLOPT_LOW_SPEED_LIMIT,
        options_.max_bytes_per_s > 0 ? 1L : static_cast<long>(options_.min_bytes_per_s));
    set(exchange, CURLOPT_LOW_SPEED_TIME, static_cast<long>(options_.stall_timeout.count()));
    set(exchange, CURLOPT_BUFFERSIZE,
        options_.max_bytes_per_s > 0 ? kLimitedBufferBytes
                                     : static_cast<long>(options_.receive_buffer_bytes));
    const std::string proxy = proxy_for(request.url);
    exchange.uses_proxy = !proxy.empty();
    set(exchange, CURLOPT_PROXY, proxy.c_str());
    set(exchange, CURLOPT_NOPROXY, "");
    set(exchange, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    set(exchange, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    set(exchange, CURLOPT_SSL_VERIFYPEER, options_.verify_tls ? 1L : 0L);
    set(exchange, CURLOPT_SSL_VERIFYHOST, options_.verify_tls ? 2L : 0L);
    if (!options_.ca_file.empty()) set(exchange, CURLOPT_CAINFO, options_.ca_file.c_str());
    set_callbacks(exchange);
    set_method(exchange);
    add_header(exchange, "Expect:");  // no waiting for 100 Continue
    for (const std::string& header : request.headers) add_header(exchange, header);
    set(exchange, CURLOPT_HTTPHEADER, exchange.headers);
  }

  static void set_callbacks(Exchange& exchange) {
    set(exchange, CURLOPT_HEADERFUNCTION, &Exchange::on_header);
    set(exchange, CURLOPT_HEADERDATA, &exchange);
    set(exchange, CURLOPT_WRITEFUNCTION, &Exchange::on_body);
    set(exchange, CURLOPT_WRITEDATA, &exchange);
    set(exchange, CURLOPT_OPENSOCKETFUNCTION, &Exchange::on_open_socket);
    set(exchange, CURLOPT_OPENSOCKETDATA, &exchange);
    set(exchange, CURLOPT_PREREQFUNCTION, &Exchange::on_connected);
    set(exchange, CURLOPT_PREREQDATA, &exchange);
  }

  static void set_method(Exchange& exchange) {
    const Request& request = exchange.request;
    if (request.method == "HEAD") {
      set(exchange, CURLOPT_NOBODY, 1L);
    } else if (request.file) {
      set(exchange, CURLOPT_UPLOAD, 1L);
      set(exchange, CURLOPT_READFUNCTION, &Exchange::on_read);
      set(exchange, CURLOPT_READDATA, &exchange);
      set(exchange, CURLOPT_SEEKFUNCTION, &Exchange::on_seek);
      set(exchange, CURLOPT_SEEKDATA, &exchange);
      set(exchange, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(request.file->size_bytes));
      set(exchange, CURLOPT_CUSTOMREQUEST, request.method.c_str());
    } else if (request.method != "GET") {
      set(exchange, CURLOPT_POST, 1L);
      set(exchange, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
      set(exchange, CURLOPT_POSTFIELDS, request.body.data());
      set(exchange, CURLOPT_CUSTOMREQUEST, request.method.c_str());
    }
  }

  static void add_header(Exchange& exchange, const std::string& line) {
    curl_slist* longer = curl_slist_append(exchange.headers, line.c_str());
    HEARTH_CHECK(longer != nullptr);
    exchange.headers = longer;
  }

  // The limit is for all together.
  void share_rate() {
    if (options_.max_bytes_per_s == 0 || running_.empty()) return;
    const auto each =
        static_cast<curl_off_t>(std::max<uint64_t>(options_.max_bytes_per_s / running_.size(), 1));
    for (const auto& [curl, exchange] : running_) {
      set(*exchange, CURLOPT_MAX_RECV_SPEED_LARGE, each);
      set(*exchange, CURLOPT_MAX_SEND_SPEED_LARGE, each);
    }
  }

  // Whether any ended.
  bool conclude_exchanges() {
    bool any = false;
    int n_left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi_.get(), &n_left)) {
      if (message->msg != CURLMSG_DONE) continue;
      const CURLcode code = message->data.result;
      auto node = running_.extract(message->easy_handle);
      const std::unique_ptr<Exchange> exchange = std::move(node.mapped());
      curl_multi_remove_handle(multi_.get(), exchange->curl.get());
      share_rate();
      any = true;
      exchange->done(result_of(*exchange, code));
    }
    return any;
  }

  Result<Response> result_of(Exchange& exchange, CURLcode code) const {
    if (exchange.failed) return *exchange.failed;
    const bool is_whole = code == CURLE_OK || (code == CURLE_WRITE_ERROR && exchange.body_is_cut);
    if (!is_whole) {
      if (exchange.forbidden) return *exchange.forbidden;
      char* primary_ip = nullptr;
      curl_easy_getinfo(exchange.curl.get(), CURLINFO_PRIMARY_IP, &primary_ip);
      const std::string details =
          primary_ip != nullptr && *primary_ip != '\0' && code == CURLE_COULDNT_CONNECT
              ? fmt::format("{} at {}", curl_easy_strerror(code), primary_ip)
              : "";
      return error_of(exchange, code, details.c_str(), options_);
    }
    if (!exchange.uses_proxy) {
      char* primary_ip = nullptr;
      curl_easy_getinfo(exchange.curl.get(), CURLINFO_PRIMARY_IP, &primary_ip);
      if (primary_ip != nullptr) exchange.response.address_class = class_of_text(primary_ip);
    }
    return std::move(exchange.response);
  }

  bool fire_timers() {
    bool any = false;
    while (!timers_.empty() && timers_.begin()->first <= Clock::now()) {
      const auto callback = std::move(timers_.begin()->second);
      timers_.erase(timers_.begin());
      any = true;
      callback();
    }
    return any;
  }

  void wait() {
    auto timeout = kLongestWait;
    if (!timers_.empty()) {
      const auto until = std::chrono::ceil<std::chrono::milliseconds>(timers_.begin()->first - Clock::now());
      timeout = std::clamp(until, std::chrono::milliseconds(0), kLongestWait);
    }
    curl_waitfd cancel{options_.cancel_descriptor, CURL_WAIT_POLLIN, 0};
    curl_multi_poll(multi_.get(), &cancel, options_.cancel_descriptor >= 0 ? 1 : 0,
                    static_cast<int>(timeout.count()), nullptr);
  }

  TransportOptions options_;
  Multi multi_{nullptr, &curl_multi_cleanup};
  std::map<CURL*, std::unique_ptr<Exchange>> running_;
  std::multimap<Clock::time_point, std::function<void()>> timers_;
};

Transport::Transport(TransportOptions options) : state_(std::make_unique<State>(std::move(options))) {}
Transport::~Transport() = default;

void Transport::start(Request request, Sink sink, Done done, Sent sent) {
  state_->start(std::move(request), std::move(sink), std::move(done), std::move(sent));
}
void Transport::after(std::chrono::milliseconds delay, std::function<void()> callback) {
  state_->after(delay, std::move(callback));
}
void Transport::drop_all() {
  state_->drop_all();
}
Result<void> Transport::run(const std::function<bool()>& is_done) {
  return state_->run(is_done);
}
bool Transport::is_cancelled() const {
  return state_->is_cancelled();
}

}  // namespace hearth::store::registry
