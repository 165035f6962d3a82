// The socket to the front: calls in, replies out, and never a wait for the other side to read.
#pragma once

#include <deque>
#include <string>

#include "base/result.h"
#include "base/unique_descriptor.h"
#include "protocol/framing.h"

namespace hearth::worker {

// Not thread-safe.
class Connection {
 public:
  // A connected stream socket.
  explicit Connection(UniqueDescriptor socket) : socket_(std::move(socket)) {}

  // Takes in what has come. False: the other side is gone. kIo; kMalformed for files that are not one with a
  // call.
  Result<bool> receive();
  // The next call that is whole: false where there is none. One that a file comes with says by which
  // descriptor: who takes the call owns it. kMalformed: the connection is of no more use.
  Result<bool> next(protocol::Call& call);

  // Queues a reply; one that is too long for a frame is replaced by a failure.
  void send(const protocol::Reply& reply);
  // Sends what the socket takes. False: the other side is gone. kIo.
  Result<bool> flush();
  size_t unsent_bytes() const noexcept { return out_.size() - sent_; }

  // Sleeps until something comes, or the socket takes more of what is unsent.
  void wait() const;

 private:
  UniqueDescriptor socket_;
  protocol::FrameReader reader_;
  std::deque<UniqueDescriptor> files_;  // that came with calls which were not taken yet, in their order
  std::string out_;
  size_t sent_ = 0;
};

}  // namespace hearth::worker
