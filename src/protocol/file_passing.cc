#include "protocol/file_passing.h"

#include <sys/socket.h>

#include <array>
#include <cstring>

namespace hearth::protocol {

ssize_t send_with_file(int socket, std::string_view bytes, int file) noexcept {
  iovec part{const_cast<char*>(bytes.data()), bytes.size()};  // which it only reads
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(file));
  std::memcpy(CMSG_DATA(header), &file, sizeof(file));
  return ::sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

Received receive_with_file(int socket, std::span<char> bytes) noexcept {
  iovec part{bytes.data(), bytes.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  Received received;
  received.n_bytes = ::recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (received.n_bytes <= 0) return received;
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  const bool was_cut = (message.msg_flags & MSG_CTRUNC) != 0;
  received.has_file = header != nullptr || was_cut;
  if (header == nullptr || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
    return received;
  // Alignment leaves room for two.
  const size_t n_files = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
  std::array<UniqueDescriptor, 2> files;
  for (size_t i = 0; i < n_files && i < files.size(); ++i) {
    int descriptor = -1;
    std::memcpy(&descriptor, CMSG_DATA(header) + i * sizeof(int), sizeof(int));
    files[i].reset(descriptor);
  }
  if (n_files == 1 && !was_cut) received.file = std::move(files[0]);
  return received;
}

}  // namespace hearth::protocol
