// A registry as one person with one model's name sees it: the requests of the distribution API ("Docker
// Registry HTTP API V2", OCI distribution-spec 1.1) with its authentication and its redirections.
//
// The rules for strangers' answers:
//  - a redirection leads to https, or to http where the registry itself is asked by http; over five are too
//  many;
//  - it leads to a public address, or to the kind of address (loopback, private) that the registry's own is;
//  - secrets go to the registry's own origin alone, and to the host of tokens (`realm`), which is that of the
//    registry or one that was named.
//
// Another Hearth machine that shares its blobs (a peer) is asked by a session, too, with less patience: it
// leads nowhere else, hands out no tokens, and one failure is the end.
#pragma once

#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "store/name.h"
#include "store/registry/challenge.h"
#include "store/registry/credentials.h"
#include "store/registry/transport.h"

namespace hearth::store::registry {

struct RegistryOptions {
  TransportOptions transport = {};
  // TLS that cannot be verified is taken, and where the host speaks none, HTTP.
  bool insecure = false;
  bool plain_http = false;  // the person wrote http://; needs `insecure`
  std::optional<Credentials> credentials = {};
  std::vector<std::string> token_hosts = {};  // besides the registry's own
  size_t n_streams = 4;
  uint64_t part_bytes = uint64_t{64} << 20U;
  // Retries without any progress between them.
  size_t max_tries = 6;
  std::chrono::milliseconds first_pause{1000};  // then twice as long each time
  std::chrono::milliseconds longest_pause{30'000};
};

// What a process that is killed has read in vain, together less than a part: what was not written, and what
// was not on the disk.
struct LossLimits {
  size_t read_bytes;        // at once, of each connection
  size_t buffered_bytes;    // of each stream
  uint64_t unsynced_bytes;  // of all
};
LossLimits loss_limits(const RegistryOptions& options);

// Pauses between tries: they double up to the longest, and chance takes up to a half of each, so that many
// clients do not come back at the same moment.
class Backoff {
 public:
  Backoff(const RegistryOptions& options, std::minstd_rand& random) : options_(&options), random_(&random) {}

  // Nothing once the tries are used up.
  std::optional<std::chrono::milliseconds> next();
  void reset() { n_failed_ = 0; }

 private:
  const RegistryOptions* options_;
  std::minstd_rand* random_;
  size_t n_failed_ = 0;
};

struct Call {
  std::string method = "GET";
  std::string path = {};        // "manifests/latest", below /v2/NAMESPACE/MODEL/
  std::optional<Url> url = {};  // or a URL that the registry gave; of its own origin it gets the token
  std::vector<std::string> headers = {};
  std::string body = {};
  std::optional<FileBody> file = {};
  uint64_t max_body_bytes = 65536;
};

// For one thread. Callbacks run within run() or ask().
class Session {
 public:
  enum class Action { kPull, kPush };

  // kInvalidArgument for a name whose host is none.
  static Result<std::unique_ptr<Session>> create(const ModelName& name, Action action,
                                                 RegistryOptions options);
  // Of a peer, for the blobs of `name` alone. `from`: "HOST", "HOST:PORT" or a URL without a path; HTTPS
  // where no scheme is said, but for loopback, and port 11434 then. HTTP to another machine wants
  // options.insecure. `key`: an API key of the peer, sent to its origin and nowhere else; empty: none. Of
  // `options`, credentials and hosts of tokens do not count. kInvalidArgument.
  static Result<std::unique_ptr<Session>> create_peer(const ModelName& name, std::string_view from,
                                                      std::string_view key, RegistryOptions options);

  // Answers other than redirections and the 401 that asks for a token are handed on, whatever their status.
  void send(Call call, Sink sink, Done done, Sent sent = {});
  // One whole answer of one of these statuses, tried again while it is worth it.
  Result<Response> ask(const Call& call, std::initializer_list<long> expected);
  // The same, once.
  Result<Response> ask_once(const Call& call, std::initializer_list<long> expected, const Sent& sent);
  Result<void> run(const std::function<bool()>& is_done) { return transport_.run(is_done); }
  // Of send() and after(): nobody is called any more.
  void drop_all() { transport_.drop_all(); }
  bool is_cancelled() const { return transport_.is_cancelled(); }
  void after(std::chrono::milliseconds delay, std::function<void()> callback) {
    transport_.after(delay, std::move(callback));
  }

  const RegistryOptions& options() const noexcept { return options_; }
  const std::string& host() const noexcept { return registry_.host; }
  std::string origin() const { return registry_.origin(); }
  const ModelName& name() const noexcept { return name_; }
  Backoff backoff() { return {options_, random_}; }

  // The error of an answer with a status that was not expected: kUnavailable where another try may help (408,
  // 429, 5xx), kNotFound for 404.
  Error unexpected(const Call& call, const Response& response, std::string_view expected) const;
  // Where a Location of an upload leads, under the rules for redirections.
  Result<Url> follow(const Url& from, const Response& response) const;
  Result<Url> url_of(const Call& call) const;

 private:
  struct Attempt;
  Session(ModelName name, Action action, Url registry, std::string base, RegistryOptions options);

  void attempt(const std::shared_ptr<Attempt>& attempt);
  void take_answer(const std::shared_ptr<Attempt>& attempt, Response response);
  void authenticate(const std::shared_ptr<Attempt>& attempt, const Response& refused);
  Result<Url> token_url(const Challenge& challenge) const;
  void request_token(const std::shared_ptr<Attempt>& attempt, const Url& url);
  bool may_fall_back_to_http(const Error& error) const;
  AddressRule rule_for(const Url& url) const;

  ModelName name_;
  Action action_;
  Url registry_;      // scheme, host and port
  std::string base_;  // of what is asked for: "/v2/library/tiny/"
  bool is_peer_ = false;
  RegistryOptions options_;
  Transport transport_;
  std::minstd_rand random_;
  std::string authorization_;                   // the value of the header; empty: none yet
  std::optional<AddressClass> registry_class_;  // of the address that answered
};

}  // namespace hearth::store::registry
