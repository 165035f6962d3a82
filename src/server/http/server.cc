#include "server/http/server.h"

#include <sys/resource.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <cstring>
#include <optional>
#include <unordered_set>

#include "base/excerpt.h"
#include "server/http/channel.h"
#include "server/http/connection.h"
#include "server/http/local_socket.h"
#include "server/http/server_state.h"

namespace hearth::server::http {
namespace {

using boost::asio::ip::tcp;
using Local = boost::asio::local::stream_protocol;
using boost::system::error_code;

// Connections beyond the limit that are still told why.
constexpr size_t kMaxTurnedAwayAtOnce = 64;
constexpr auto kPauseWithoutDescriptors = std::chrono::milliseconds(100);
// In which handlers end whose connections were cut.
constexpr auto kTimeToEnd = std::chrono::seconds(5);
constexpr size_t kMaxHeadBytes = 32 * 1024;

Result<boost::asio::ip::address> parse_address(const std::string& host) {
  error_code error;
  auto address = boost::asio::ip::make_address(host == "localhost" ? "127.0.0.1" : host, error);
  if (error) {
    return make_error(ErrorCode::kUsage, "host {}: expected an IP address of this machine, or \"localhost\"",
                      quoted_excerpt(host));
  }
  return address;
}

// An IPv4 client of a socket for both is one of IPv4.
boost::asio::ip::address plain_address(const tcp::endpoint& endpoint) {
  auto address = endpoint.address();
  if (address.is_v6() && address.to_v6().is_v4_mapped()) {
    return boost::asio::ip::make_address_v4(boost::asio::ip::v4_mapped, address.to_v6());
  }
  return address;
}

}  // namespace

class Server::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(const Executor& executor, std::shared_ptr<ServerState> shared)
      : state(std::move(shared)),
        acceptor(executor),
        local_(executor),
        pause_(executor),
        local_pause_(executor),
        ended(executor) {}

  Result<void> listen();
  void accept() {
    accept_on(acceptor, pause_);
    accept_on(local_, local_pause_);
  }
  Task<size_t> drain(std::chrono::milliseconds grace);
  void close();
  // Runs callbacks of handlers, but removes no connection: that happens when its coroutine ends.
  void cut_all() {
    for (Connection* connection : connections_) connection->cut();
  }

  std::shared_ptr<ServerState> state;
  tcp::acceptor acceptor;
  tcp::endpoint endpoint;
  std::optional<LocalListener> local_file;  // of the Unix socket

 private:
  void listen_locally();
  template <typename Acceptor>
  void accept_on(Acceptor& from, boost::asio::steady_timer& pause);
  // Who is at the other end. Nothing: it is gone, or nobody who may talk to the server.
  static std::optional<Endpoints> endpoints_of(tcp::socket& socket);
  static std::optional<Endpoints> endpoints_of(Local::socket& socket);
  template <typename Socket>
  void serve(Socket socket);
  void remove(Connection* connection);
  Task<void> wait_for_end(Clock::time_point deadline);

  Local::acceptor local_;
  boost::asio::steady_timer pause_;
  boost::asio::steady_timer local_pause_;
  boost::asio::steady_timer ended;  // cancelled as connections end
  std::unordered_set<Connection*> connections_;
};

Result<void> Server::Impl::listen() {
  HEARTH_ASSIGN(const auto address, parse_address(state->options.host));
  endpoint = tcp::endpoint(address, state->options.port);
  error_code error;
  const auto failed = [&] {
    return make_error(ErrorCode::kIo, "cannot listen on {} port {}: {}", address.to_string(),
                      state->options.port, error.message());
  };
  if (acceptor.open(endpoint.protocol(), error); error) return failed();
  acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (acceptor.bind(endpoint, error); error) return failed();
  if (acceptor.listen(boost::asio::socket_base::max_listen_connections, error); error) return failed();
  endpoint = acceptor.local_endpoint(error);
  if (error) return failed();
  listen_locally();
  return {};
}

// A server that answers at its address is worth more than none.
void Server::Impl::listen_locally() {
  const std::string name = local_socket_name(endpoint.address().to_string(), endpoint.port());
  if (state->options.socket_folder.empty() || name.empty()) return;
  Result<LocalListener> listener = LocalListener::open(state->options.socket_folder / name);
  error_code error;
  if (listener) local_.assign(Local(), listener->release(), error);
  if (listener && !error) {
    local_file.emplace(std::move(*listener));
  } else {
    state->report(fmt::format("no Unix socket, over which the commands of this user need no key: {}",
                              listener ? error.message() : listener.error().message()));
  }
}

template <typename Acceptor>
void Server::Impl::accept_on(Acceptor& from, boost::asio::steady_timer& pause) {
  if (!from.is_open()) return;
  using Socket = typename Acceptor::protocol_type::socket;
  from.async_accept([self = shared_from_this(), &from, &pause](error_code error, Socket socket) {
    if (!from.is_open()) return;
    if (!error) self->serve(std::move(socket));
    const bool exhausted = error == boost::system::errc::too_many_files_open ||
                           error == boost::system::errc::too_many_files_open_in_system ||
                           error == boost::system::errc::no_buffer_space ||
                           error == boost::system::errc::not_enough_memory;
    if (!exhausted) return self->accept_on(from, pause);
    // It waits in the queue of the system meanwhile; to ask again at once would take the whole processor.
    self->state->report("cannot accept a connection: " + error.message());
    pause.expires_after(kPauseWithoutDescriptors);
    pause.async_wait([self, &from, &pause](error_code /*cancelled*/) { self->accept_on(from, pause); });
  });
}

std::optional<Endpoints> Server::Impl::endpoints_of(tcp::socket& socket) {
  error_code error;
  Endpoints endpoints;
  const auto peer = plain_address(socket.remote_endpoint(error));
  if (error) return std::nullopt;
  endpoints.local = plain_address(socket.local_endpoint(error)).to_string();
  if (error) return std::nullopt;
  endpoints.peer = peer.to_string();
  endpoints.peer_is_loopback = peer.is_loopback();
  socket.set_option(tcp::no_delay(true), error);
  socket.set_option(boost::asio::socket_base::keep_alive(true), error);
  return endpoints;
}

std::optional<Endpoints> Server::Impl::endpoints_of(Local::socket& socket) {
  const auto user = peer_user(socket.native_handle());
  if (!user || !is_allowed_user(*user, ::geteuid())) return std::nullopt;
  return Endpoints{
      .local = "unix", .peer = fmt::format("uid {}", *user), .peer_is_loopback = true, .user = *user};
}

template <typename Socket>
void Server::Impl::serve(Socket socket) {
  ++state->stats.n_accepted;
  const size_t limit = state->options.limits.n_connections;
  const bool turn_away = connections_.size() >= limit;
  if (turn_away) ++state->stats.n_turned_away;
  if (connections_.size() >= limit + kMaxTurnedAwayAtOnce) return;
  std::optional<Endpoints> endpoints = endpoints_of(socket);
  if (!endpoints) return;
  error_code error;
  socket.native_non_blocking(true, error);

  const int descriptor = socket.native_handle();
  const bool has_tls = state->tls && !endpoints->user;
  auto transport = has_tls ? state->tls->make_transport(descriptor) : make_plain_transport(descriptor);
  if (!transport) return;
  const auto executor = acceptor.get_executor();
  auto channel = std::make_shared<Channel>(std::move(socket), std::move(transport));
  auto connection = std::make_shared<Connection>(state, channel, *std::move(endpoints), turn_away);
  connections_.insert(connection.get());
  state->stats.n_connections = connections_.size();
  boost::asio::co_spawn(
      executor,
      [](std::shared_ptr<Connection> running) -> Task<void> { co_await running->run(); }(connection),
      [self = shared_from_this(), connection](const std::exception_ptr& thrown) {
        if (thrown) {
          self->state->report("a connection ended with an exception");
          connection->cut();
        }
        self->remove(connection.get());
      });
}

void Server::Impl::remove(Connection* connection) {
  connections_.erase(connection);
  state->stats.n_connections = connections_.size();
  if (state->draining && connections_.empty()) ended.cancel();
}

void Server::Impl::close() {
  error_code ignored;
  acceptor.close(ignored);
  local_.close(ignored);
  local_file.reset();
  pause_.cancel();
  local_pause_.cancel();
}

Task<void> Server::Impl::wait_for_end(Clock::time_point deadline) {
  while (!connections_.empty() && Clock::now() < deadline) {
    ended.expires_at(deadline);
    error_code woken;
    co_await ended.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, woken));
  }
}

Task<size_t> Server::Impl::drain(std::chrono::milliseconds grace) {
  const auto self = shared_from_this();
  state->draining = true;
  close();
  for (Connection* connection : connections_) {
    if (connection->is_idle()) connection->close_idle();
  }
  co_await wait_for_end(Clock::now() + grace);
  const size_t n_cut = connections_.size();
  cut_all();
  co_await wait_for_end(Clock::now() + kTimeToEnd);
  co_return n_cut;
}

Server::Server(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

Server::~Server() {
  try {
    impl_->state->draining = true;
    impl_->close();
    impl_->cut_all();
  } catch (...) {
    // A handler's callback threw; there is nobody left whom it could be told.
  }
}

Result<std::unique_ptr<Server>> Server::create(const Executor& executor, Router router, ServerOptions options,
                                               Authenticator authenticator) {
  if (options.limits.head_bytes > kMaxHeadBytes) {
    return make_error(ErrorCode::kUsage, "head_bytes {}: expected at most {}", options.limits.head_bytes,
                      kMaxHeadBytes);
  }
  if (options.certificate_path.empty() != options.key_path.empty()) {
    return make_error(ErrorCode::kUsage,
                      "TLS needs a certificate and its key, and there is only one of them");
  }
  auto state = std::make_shared<ServerState>();
  HEARTH_ASSIGN(state->policy, AccessPolicy::create(options.allowed_hosts, options.allowed_origins));
  if (!options.certificate_path.empty()) {
    HEARTH_ASSIGN(state->tls, TlsContext::create(options.certificate_path, options.key_path));
  }
  state->router = std::move(router);
  state->options = std::move(options);
  state->authenticator = std::move(authenticator);
  auto impl = std::make_shared<Impl>(executor, std::move(state));
  HEARTH_TRY(impl->listen());
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

uint16_t Server::port() const noexcept {
  return impl_->endpoint.port();
}
std::string Server::address() const {
  const auto address = impl_->endpoint.address();
  const std::string host = address.is_v6() ? "[" + address.to_string() + "]" : address.to_string();
  return fmt::format("{}://{}:{}", impl_->state->tls ? "https" : "http", host, port());
}
bool Server::is_loopback() const noexcept {
  return impl_->endpoint.address().is_loopback();
}
std::filesystem::path Server::socket_path() const {
  return impl_->local_file ? impl_->local_file->path() : std::filesystem::path();
}
const Router& Server::router() const noexcept {
  return impl_->state->router;
}
ServerStats Server::stats() const noexcept {
  return impl_->state->stats;
}
void Server::start() {
  impl_->accept();
}
Task<size_t> Server::drain(std::chrono::milliseconds grace) {
  return impl_->drain(grace);
}

Result<uint64_t> raise_open_files_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
    return make_error(ErrorCode::kIo, "cannot read the limit of open files: {}", std::strerror(errno));
  }
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0) {
    return make_error(ErrorCode::kIo, "cannot raise the limit of open files to {}: {}", limit.rlim_max,
                      std::strerror(errno));
  }
  return static_cast<uint64_t>(limit.rlim_cur);
}

}  // namespace hearth::server::http
