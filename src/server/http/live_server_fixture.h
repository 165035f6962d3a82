// A server on a thread of its own, and raw clients that say to it whatever a test likes.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "server/http/server.h"

namespace hearth::server::http {

// Runs the io_context; everything of the server is done on its thread.
class LiveServer {
 public:
  LiveServer(Router router, ServerOptions options, Authenticator authenticator = allow_everybody()) {
    options.port = 0;
    auto created = Server::create(context_.get_executor(), std::move(router), std::move(options),
                                  std::move(authenticator));
    EXPECT_TRUE(created) << created.error().message();
    server_ = std::move(created).value();
    port_ = server_->port();
    server_->start();
    thread_ = std::thread([this] { context_.run(); });
  }
  ~LiveServer() {
    on_thread([this] { server_.reset(); });
    guard_.reset();
    thread_.join();
  }
  LiveServer(const LiveServer&) = delete;
  LiveServer& operator=(const LiveServer&) = delete;

  uint16_t port() const { return port_; }
  boost::asio::io_context& context() { return context_; }

  ServerStats stats() {
    ServerStats stats;
    on_thread([&] { stats = server_->stats(); });
    return stats;
  }
  std::future<size_t> drain(std::chrono::milliseconds grace) {
    auto promise = std::make_shared<std::promise<size_t>>();
    boost::asio::co_spawn(context_, server_->drain(grace),
                          [promise](const std::exception_ptr&, size_t n_cut) { promise->set_value(n_cut); });
    return promise->get_future();
  }
  // Until `condition` of the stats holds; false where it does not within five seconds.
  template <typename Condition>
  bool wait_for(Condition condition) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    while (!condition(stats())) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return true;
  }

 private:
  template <typename Function>
  void on_thread(Function function) {
    std::promise<void> done;
    boost::asio::post(context_, [&] {
      function();
      done.set_value();
    });
    done.get_future().wait();
  }

  boost::asio::io_context context_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> guard_{context_.get_executor()};
  std::unique_ptr<Server> server_;
  uint16_t port_ = 0;
  std::thread thread_;
};

struct RawResponse {
  int status = 0;
  std::string head;  // with the status line
  std::string body;  // chunks joined

  // The value of a header, whose name is written as the server does; nothing: there is none.
  std::optional<std::string> header(const std::string& name) const {
    const size_t at = head.find("\r\n" + name + ": ");
    if (at == std::string::npos) return std::nullopt;
    const size_t begin = at + name.size() + 4;
    return head.substr(begin, head.find("\r\n", begin) - begin);
  }
};

// A socket. Everything waits for five seconds at most.
class RawClient {
 public:
  explicit RawClient(uint16_t port, int receive_buffer_bytes = 0) : socket_(socket(AF_INET, SOCK_STREAM, 0)) {
    if (receive_buffer_bytes > 0) {
      setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &receive_buffer_bytes, sizeof(receive_buffer_bytes));
    }
    const int yes = 1;
    setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  }
  ~RawClient() { close(); }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  bool connected() const { return connected_; }
  int descriptor() const { return socket_; }
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t n = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(n));
    }
    return true;
  }
  void end() { shutdown(socket_, SHUT_WR); }
  void close() {
    if (socket_ >= 0) ::close(socket_);
    socket_ = -1;
  }
  void reset() {
    const linger now{.l_onoff = 1, .l_linger = 0};
    setsockopt(socket_, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    close();
  }

  // More bytes for buffer(); false at the end, at a reset and after five seconds.
  bool receive() {
    pollfd waiting{.fd = socket_, .events = POLLIN, .revents = 0};
    if (poll(&waiting, 1, 5000) != 1) return false;
    char piece[65536];
    const ssize_t n = recv(socket_, piece, sizeof(piece), 0);
    if (n <= 0) return false;
    buffer_.append(piece, static_cast<size_t>(n));
    return true;
  }
  // Everything until the server closes.
  std::string receive_all() {
    while (receive()) {
    }
    return std::exchange(buffer_, {});
  }
  bool receive_until(std::string_view text) {
    while (buffer_.find(text) == std::string::npos) {
      if (!receive()) return false;
    }
    return true;
  }
  std::string& buffer() { return buffer_; }

  // The next response. Status 0: none came, or it is cut off. `head_only`: to a HEAD.
  RawResponse response(bool head_only = false) {
    RawResponse response;
    if (!receive_until("\r\n\r\n")) return response;
    const size_t end = buffer_.find("\r\n\r\n") + 4;
    response.head = buffer_.substr(0, end);
    buffer_.erase(0, end);
    const int status = std::atoi(response.head.substr(std::string_view("HTTP/1.1 ").size(), 3).c_str());
    if (head_only || status == 204) {
      response.status = status;
    } else if (const auto length = response.header("Content-Length")) {
      const size_t n = std::stoul(*length);
      while (buffer_.size() < n) {
        if (!receive()) return response;
      }
      response.body = buffer_.substr(0, n);
      buffer_.erase(0, n);
      response.status = status;
    } else if (response.header("Transfer-Encoding")) {
      if (receive_chunks(response.body)) response.status = status;
    } else {
      response.body = receive_all();
      response.status = status;
    }
    return response;
  }
  RawResponse ask(std::string_view request, bool head_only = false) {
    return send(request) ? response(head_only) : RawResponse{};
  }

 private:
  bool receive_chunks(std::string& body) {
    while (true) {
      if (!receive_until("\r\n")) return false;
      const size_t line = buffer_.find("\r\n");
      const size_t n = std::stoul(buffer_.substr(0, line), nullptr, 16);
      while (buffer_.size() < line + 2 + n + 2) {
        if (!receive()) return false;
      }
      body += buffer_.substr(line + 2, n);
      buffer_.erase(0, line + 2 + n + 2);
      if (n == 0) return true;
    }
  }

  int socket_;
  bool connected_ = false;
  std::string buffer_;
};

}  // namespace hearth::server::http
