#include "worker/connection.h"

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "protocol/file_passing.h"
#include "worker/reply_sink.h"

namespace hearth::worker {
namespace {

// Of calls that are not whole yet: with the end of one may come the beginning of the next.
constexpr size_t kMostFiles = 2;

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
    protocol::Received received = protocol::receive_with_file(socket_.get(), bytes);
    if (const ssize_t n = received.n_bytes; n > 0) {
      reader_.append({bytes.data(), static_cast<size_t>(n)});
      if (received.has_file) {
        if (!received.file || files_.size() == kMostFiles)
          return Error(ErrorCode::kMalformed, "the socket to the front: expected one file with a call");
        files_.push_back(std::move(received.file));
      }
      // What calls have come are taken before more files do.
      if (received.has_file || static_cast<size_t>(n) < bytes.size()) return true;
      continue;
    }
    if (received.n_bytes == 0 || is_gone(errno)) return false;
    if (errno == EAGAIN || errno == EWOULDBLOCK) return true;
    if (errno != EINTR) return socket_error("read");
  }
}

// The descriptor comes with the first byte of its frame, and so is here before the call is whole.
Result<bool> Connection::next(protocol::Call& call) {
  HEARTH_ASSIGN(const bool is_whole, reader_.next(call));
  if (!is_whole || !call.has_load_adapter()) return is_whole;
  if (files_.empty())
    return Error(ErrorCode::kMalformed, "the socket to the front: an adapter without its file");
  call.mutable_load_adapter()->set_descriptor(files_.front().release());
  files_.pop_front();
  return true;
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
