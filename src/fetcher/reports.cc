#include "fetcher/reports.h"

#include <sys/socket.h>

#include <cerrno>

#include "protocol/framing.h"

namespace hearth::fetcher {

void Reports::send(const protocol::FetchReport& report) const {
  std::string frame;
  HEARTH_CHECK(protocol::append_frame(frame, report));
  for (size_t sent = 0; sent < frame.size();) {
    const ssize_t n = ::send(socket_, frame.data() + sent, frame.size() - sent, MSG_NOSIGNAL);
    if (n > 0) {
      sent += static_cast<size_t>(n);
    } else if (errno != EINTR) {
      return;
    }
  }
}

void Reports::progress(const store::Layer& layer, uint64_t completed_bytes, bool verifying) {
  constexpr auto kInterval = std::chrono::milliseconds(100);
  const auto now = std::chrono::steady_clock::now();
  const bool is_new = layer.digest != last_digest_ || verifying != last_verifying_;
  const bool is_whole = completed_bytes == layer.size_bytes && completed_bytes != last_completed_;
  if (!is_new && !is_whole && now - last_at_ < kInterval) return;
  last_digest_ = layer.digest;
  last_verifying_ = verifying;
  last_completed_ = completed_bytes;
  last_at_ = now;
  protocol::FetchReport report;
  protocol::LayerProgress& progress = *report.mutable_progress();
  progress.set_digest(layer.digest.text());
  progress.set_total_bytes(layer.size_bytes);
  progress.set_completed_bytes(completed_bytes);
  progress.set_verifying(verifying);
  send(report);
}

void Reports::note(const std::string& text) const {
  protocol::FetchReport report;
  report.mutable_note()->set_text(text);
  send(report);
}

}  // namespace hearth::fetcher
