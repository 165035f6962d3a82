// What a fetcher tells the front.
#pragma once

#include <chrono>
#include <optional>

#include "protocol/fetcher.pb.h"
#include "store/manifest.h"

namespace hearth::fetcher {

class Reports {
 public:
  explicit Reports(int socket) : socket_(socket) {}

  // Waits until the socket has taken it. When the front has gone nothing is sent: that the socket is closed
  // ends the work elsewhere.
  void send(const protocol::FetchReport& report) const;
  // Ten times a second at most, but for the first and the last bytes of a layer. For every 16 KiB that come:
  // what is not sent costs next to nothing.
  void progress(const store::Layer& layer, uint64_t completed_bytes, bool verifying);
  void note(const std::string& text) const;

 private:
  int socket_;
  std::optional<store::Digest> last_digest_;
  bool last_verifying_ = false;
  uint64_t last_completed_ = 0;
  std::chrono::steady_clock::time_point last_at_;
};

}  // namespace hearth::fetcher
