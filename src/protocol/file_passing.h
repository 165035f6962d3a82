// Files that go over a Unix socket with bytes of a stream (SCM_RIGHTS, unix(7)): one with a message at most.
#pragma once

#include <sys/types.h>

#include <span>
#include <string_view>

#include "base/unique_descriptor.h"

namespace hearth::protocol {

// As send(2), which takes what it takes now (EAGAIN: nothing). The file goes with the first byte.
ssize_t send_with_file(int socket, std::string_view bytes, int file) noexcept;

struct Received {
  ssize_t n_bytes = 0;    // as recv(2) says, with errno
  bool has_file = false;  // the message had one: what is behind it comes with the next call
  UniqueDescriptor file;  // closed, although it had one, where it was not exactly one
};
// As recv(2), without waiting.
Received receive_with_file(int socket, std::span<char> bytes) noexcept;

}  // namespace hearth::protocol
