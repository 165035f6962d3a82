#include "worker/connection.h"

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "worker/reply_sink.h"

namespace hearth::worker {
namespace {

Error socket_error(const char* action) {
  return make_error(ErrorCode::kIo, "the socket to the front: cannot {}: {}", action, std::strerror(errno));
}

bool is_gone(int error) {
  return error == EPIPE || error == ECONNRESET;
}

}  // namespace

Result<bool> Connection::receive() {
  std::array<char, 65536> bytes;
  while (true) {
    const ssize_t n = ::recv(socket_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (n > 0) {
      reader_.append({bytes.data(), static_cast<size_t>(n)});
      if (static_cast<size_t>(n) < bytes.size()) return true;
      continue;
    }
    if (n == 0 || is_gone(errno)) return false;
    if (errno == EAGAIN || errno == EWOULDBLOCK) return true;
    if (errno != EINTR) return socket_error("read");
  }
}

void Connection::send(const protocol::Reply& reply) {
  if (const auto framed = protocol::append_frame(out_, reply); !framed) {
    send_failure(
        [this](const protocol::Reply& failure) { HEARTH_CHECK(protocol::append_frame(out_, failure)); },
        reply.id(), framed.error());
  }
}

Result<bool> Connection::flush() {
  while (unsent_bytes() > 0) {
    const ssize_t n = ::send(socket_.get(), out_.data() + sent_, unsent_bytes(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n >= 0) {
      sent_ += static_cast<size_t>(n);
      continue;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK) return true;
    if (is_gone(errno)) return false;
    if (errno != EINTR) return socket_error("write");
  }
  out_.clear();
  sent_ = 0;
  return true;
}

void Connection::wait() const {
  pollfd socket{socket_.get(), POLLIN, 0};
  if (unsent_bytes() > 0) socket.events |= POLLOUT;
  ::poll(&socket, 1, -1);  // interrupted or not: the caller looks
}

}  // namespace hearth::worker
