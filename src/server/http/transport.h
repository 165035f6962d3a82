// The bytes of one connection, plain or under TLS: what a socket that does not block gives and takes right
// now.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hearth::server::http {

enum class IoState {
  kDone,        // n_bytes were moved, at least one
  kNeedsRead,   // nothing can be done until there is something to read,
  kNeedsWrite,  // or room to write
  kEnd,         // the other end has sent all that it will
  kBroken,      // nothing will ever be moved again
};
struct IoResult {
  IoState state;
  size_t n_bytes = 0;
};

// Does not own the socket, which does not block. Never raises SIGPIPE. For one thread.
class Transport {
 public:
  virtual ~Transport() = default;

  // Until it gives kDone, before anything else.
  virtual IoResult handshake() = 0;
  virtual IoResult read(std::span<char> buffer) = 0;
  // After kNeedsRead or kNeedsWrite the same bytes must be given again, which may have moved.
  virtual IoResult write(std::string_view bytes) = 0;
  // Tells the other end that nothing more will come; as well as that can be told now.
  virtual void shut_down() = 0;
};

std::unique_ptr<Transport> make_plain_transport(int socket);

// A certificate and its key. Read-only after its creation.
class TlsContext {
 public:
  // The files hold PEM: the certificate with its chain, and the key that belongs to it. TLS 1.3 only. kIo,
  // kMalformed.
  static Result<std::shared_ptr<TlsContext>> create(const std::string& certificate_path,
                                                    const std::string& key_path);
  virtual ~TlsContext() = default;
  // Null: no memory.
  virtual std::unique_ptr<Transport> make_transport(int socket) = 0;
};

}  // namespace hearth::server::http
