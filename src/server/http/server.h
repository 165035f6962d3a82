// The HTTP server: sockets, TLS, limits and time-outs, whom it answers at all; behind it the router's
// handlers.
//
// For the thread of the front.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "server/async/task.h"
#include "server/http/authenticator.h"
#include "server/http/request.h"
#include "server/http/router.h"

namespace hearth::server::http {

// What one client, and all of them, may take. What goes beyond is answered with the status behind it.
struct Limits {
  size_t head_bytes = 16 * 1024;                 // 431; at most 32 KiB
  size_t n_headers = 100;                        // 431
  size_t target_bytes = 8 * 1024;                // 414
  size_t body_bytes = 64 * 1024 * 1024;          // 413; as sent, and decompressed
  size_t all_body_bytes = 1024u << 20;           // 503; of all requests that are being read or answered
  size_t n_connections = 16 * 1024;              // 503; a few more are told so, the rest is closed
  size_t n_requests_in_flight = 4096;            // 503; routes that are kPublic are always answered
  std::chrono::milliseconds head_time{10'000};   // 408; from a request's first byte to the end of its head
  std::chrono::milliseconds body_stall{15'000};  // 408; in which a body brings no 1024 bytes
  std::chrono::milliseconds write_stall{
      15'000};                             // cut; in which a client takes hardly anything of its answer
  std::chrono::milliseconds idle{75'000};  // closed; without a request
};

// A request that has ended. Only valid during the call.
struct Answered {
  const Request& request;             // without body; only peer and id where its head could not be read
  std::string_view route_pattern;     // "": it came to no route
  std::string_view model;             // that the handler noted (Responder::note_model)
  int status;                         // that was sent; 499: the client went away before any was
  bool complete;                      // the whole answer was handed to the system
  std::chrono::nanoseconds duration;  // since the head was read
};

struct ServerOptions {
  std::string host = "127.0.0.1";  // an address of ours, 0.0.0.0 or :: for all of them, or "localhost"
  uint16_t port = 11434;           // 0: any that is free
  std::string certificate_path;    // PEM, with the chain; empty: no TLS
  std::string key_path;
  std::vector<std::string>
      allowed_hosts;  // AccessPolicy::create: besides our own address and names of loopback
  std::vector<std::string> allowed_origins;  // besides this machine's and those of applications
  // Where a Unix socket is made for the programs of the server's own user (local_socket.h); empty: none is.
  // Only for addresses that this machine's programs reach it at. That there is none is reported, and no
  // error.
  std::filesystem::path socket_folder;
  Limits limits;
  std::function<void(const Answered& answered)> on_answered;  // for metrics and the audit log
  std::function<void(std::string_view message)> report;  // of what an operator should know: a handler threw
};

struct ServerStats {
  size_t n_connections = 0;
  size_t n_requests_in_flight = 0;  // with a handler, or reading their bodies
  size_t body_bytes = 0;            // held by them
  uint64_t n_accepted = 0;          // connections, since the start
  uint64_t n_turned_away = 0;       // connections beyond the limit
  uint64_t n_answered = 0;          // requests
};

// What handlers see of a request does not include the headers that bear secrets: authorization, x-api-key,
// cookie and proxy-authorization.
class Server {
 public:
  // Listens, but accepts nothing yet. executor: of an io_context that one thread runs. kUsage, kMalformed,
  // kIo.
  static Result<std::unique_ptr<Server>> create(const Executor& executor, Router router,
                                                ServerOptions options, Authenticator authenticator);
  // Cuts whatever is still open. The handlers then end when the io_context runs on.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  uint16_t port() const noexcept;
  std::string address() const;  // "http://127.0.0.1:11434", as it is bound
  bool is_loopback() const noexcept;
  // Of the Unix socket; empty: there is none.
  std::filesystem::path socket_path() const;
  const Router& router() const noexcept;
  ServerStats stats() const noexcept;

  void start();
  // Accepts nothing more and closes what is idle; requests go on to their answers for `grace`, then they are
  // cut. Returns, when all have ended, how many connections had to be cut. Once.
  Task<size_t> drain(std::chrono::milliseconds grace);

 private:
  class Impl;
  explicit Server(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

// Raises the limit of open files, of which a connection is one, to what the system allows. Returns it.
Result<uint64_t> raise_open_files_limit();

}  // namespace hearth::server::http
