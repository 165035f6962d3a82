#include <sys/socket.h>

#include <cerrno>

#include "server/http/transport.h"

namespace hearth::server::http {
namespace {

bool would_block(int error) noexcept {
  return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

class PlainTransport : public Transport {
 public:
  explicit PlainTransport(int socket) : socket_(socket) {}

  IoResult handshake() override { return {.state = IoState::kDone}; }

  IoResult read(std::span<char> buffer) override {
    const ssize_t n = recv(socket_, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (n > 0) return {.state = IoState::kDone, .n_bytes = static_cast<size_t>(n)};
    if (n == 0) return {.state = IoState::kEnd};
    return {.state = would_block(errno) ? IoState::kNeedsRead : IoState::kBroken};
  }

  IoResult write(std::string_view bytes) override {
    const ssize_t n = send(socket_, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n >= 0) return {.state = IoState::kDone, .n_bytes = static_cast<size_t>(n)};
    return {.state = would_block(errno) ? IoState::kNeedsWrite : IoState::kBroken};
  }

  void shut_down() override { shutdown(socket_, SHUT_WR); }

 private:
  int socket_;
};

}  // namespace

std::unique_ptr<Transport> make_plain_transport(int socket) {
  return std::make_unique<PlainTransport>(socket);
}

}  // namespace hearth::server::http
