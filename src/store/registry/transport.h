// HTTP exchanges with hosts that are not trusted, several at once on one thread (libcurl's multi interface).
//
// An exchange is one request and its one answer: redirections and 401s are answers (session.h makes sense of
// them). What an answer can cost is bounded before it comes: heads by 64 KiB, bodies by what the request
// says, silence by a time. Bodies come as they are sent: no compression is asked for, and none is undone.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "store/registry/address.h"
#include "store/registry/url.h"

namespace hearth::store::registry {

struct Head {
  long status = 0;
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case

  std::optional<std::string_view> header(std::string_view name) const;  // the first of that name
};

struct Response {
  Head head;
  std::string body;  // what no sink took; of an answer that is no 2xx at most 64 KiB
  // What kind of address answered; nothing where a proxy stood between.
  std::optional<AddressClass> address_class;
};

// A part of a file as a request's body.
struct FileBody {
  int descriptor = -1;  // stays the caller's, open until the exchange has ended
  uint64_t offset = 0;
  uint64_t size_bytes = 0;
};

struct Request {
  std::string method = "GET";
  Url url;
  std::vector<std::string> headers = {};  // "Name: value"
  std::string body = {};                  // of methods that have one
  std::optional<FileBody> file = {};      // instead of `body`
  AddressRule addresses = AddressRule::only_public();
  uint64_t max_body_bytes = 65536;  // of a 2xx without a sink; more is an error
};

// Takes the body of a 2xx as it comes; an error ends the exchange with it.
using Sink = std::function<Result<void>(const Head& head, std::string_view bytes)>;
// Of a request's body: how much has been handed to the connection.
using Sent = std::function<void(uint64_t n_bytes)>;
// kUnavailable is what may go better next time: no connection, silence, a body cut short.
using Done = std::function<void(Result<Response> response)>;

struct TransportOptions {
  bool verify_tls = true;
  std::filesystem::path ca_file = {};  // instead of the system's certificates
  std::chrono::seconds connect_timeout{15};
  std::chrono::seconds stall_timeout{30};  // without a byte, or slower than the least rate
  uint64_t min_bytes_per_s = 1;            // of each exchange; a limit of the rate takes its place
  uint64_t max_bytes_per_s = 0;            // of all downloads together; 0: no limit
  // What a connection reads at once: 1 KiB to 512 KiB.
  size_t receive_buffer_bytes = size_t{512} << 10U;
  // Readable, or closed at its other end: everything ends with kCancelled. -1: none.
  int cancel_descriptor = -1;
};

// For one thread. Callbacks are called within run() and may start further exchanges.
class Transport {
 public:
  explicit Transport(TransportOptions options);
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;
  ~Transport();  // what still runs is dropped without a word

  void start(Request request, Sink sink, Done done, Sent sent = {});
  void after(std::chrono::milliseconds delay, std::function<void()> callback);

  // Ends what still runs, without a word to anybody, and forgets what was to be called later.
  void drop_all();
  // Until `is_done` holds, or kCancelled.
  Result<void> run(const std::function<bool()>& is_done);
  bool is_cancelled() const;

 private:
  class State;
  std::unique_ptr<State> state_;
};

// The proxy that the environment names for a URL (https_proxy, http_proxy, all_proxy, no_proxy, in either
// case but for HTTP_PROXY, which a web server may have been told by a stranger); "" for none. Loopback is
// always direct.
std::string proxy_for(const Url& url);
// What kind of address a URL's host is, where it is written as one.
std::optional<AddressClass> literal_address_class(const Url& url);

}  // namespace hearth::store::registry
