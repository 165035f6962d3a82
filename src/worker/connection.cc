#include "worker/connection.h"

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

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
  // A message carries one file at most: frames of calls that have one are sent by themselves.
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control;
  while (true) {
    iovec part{bytes.data(), bytes.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const ssize_t n = ::recvmsg(socket_.get(), &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (n > 0) {
      reader_.append({bytes.data(), static_cast<size_t>(n)});
      const bool has_file = message.msg_controllen > 0;
      if (has_file) HEARTH_TRY(take_file(message));
      // What calls have come are taken before more files do.
      if (has_file || static_cast<size_t>(n) < bytes.size()) return true;
      continue;
    }
    if (n == 0 || is_gone(errno)) return false;
    if (errno == EAGAIN || errno == EWOULDBLOCK) return true;
    if (errno != EINTR) return socket_error("read");
  }
}

Result<void> Connection::take_file(const msghdr& message) {
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  int descriptor = -1;
  if (header != nullptr && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS &&
      header->cmsg_len == CMSG_LEN(sizeof(descriptor)))
    std::memcpy(&descriptor, CMSG_DATA(header), sizeof(descriptor));
  UniqueDescriptor file(descriptor);
  if (!file || (message.msg_flags & MSG_CTRUNC) != 0 || files_.size() == kMostFiles)
    return Error(ErrorCode::kMalformed, "the socket to the front: expected one file with a call");
  files_.push_back(std::move(file));
  return {};
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
