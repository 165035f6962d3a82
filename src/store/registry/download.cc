#include "store/registry/download.h"

#include <algorithm>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "base/excerpt.h"

namespace hearth::store::registry {
namespace {

// The file is hashed in its order while its parts come side by side: of a small one they are smaller, so that
// little is left to hash after the last.
uint64_t part_bytes_of(uint64_t size_bytes, uint64_t most_bytes) {
  constexpr uint64_t kParts = 64;
  constexpr uint64_t kStepBytes = uint64_t{1} << 20U;
  constexpr uint64_t kLeastBytes = 8 * kStepBytes;
  const uint64_t wanted = size_bytes / kParts / kStepBytes * kStepBytes;
  return std::min(std::max(wanted, kLeastBytes), most_bytes);
}

class Download {
 public:
  Download(Session& session, PartialBlob& blob, const OnBytes& on_bytes)
      : session_(session), blob_(blob), on_bytes_(on_bytes), limits_(loss_limits(session.options())) {
    const auto missing = blob.missing(part_bytes_of(blob.size_bytes(), session.options().part_bytes));
    waiting_.assign(missing.begin(), missing.end());
  }

  Result<void> run() {
    n_there_ = blob_.written_bytes();
    on_bytes_(n_there_);
    const size_t n_streams = std::min(std::max<size_t>(session_.options().n_streams, 1), waiting_.size());
    for (size_t i = 0; i < n_streams; ++i) {
      streams_.push_back(std::make_unique<Stream>(session_.backoff()));
      begin_next(*streams_.back());
    }
    auto ran = session_.run([this] { return failed_ || n_active_ == 0; });
    session_.drop_all();  // of a failure, other streams are still on their way
    // However it ended, what came is kept.
    for (const auto& stream : streams_) {
      if (const auto flushed = flush(*stream); !flushed) fail(flushed.error());
    }
    if (!ran) return ran;
    return failed_ ? Result<void>(*failed_) : Result<void>();
  }

 private:
  // One connection's work: a part, and how far it has come.
  struct Stream {
    explicit Stream(Backoff backoff) : pauses(backoff) {}
    Backoff pauses;
    ByteRange range;
    uint64_t at = 0;          // what came so far, written or in `buffer`
    uint64_t tried_from = 0;  // where `at` was when the request went out
    // What came last: libcurl hands out 16 KiB at a time, and the page cache takes large pieces better.
    std::string buffer;
    bool head_is_checked = false;
  };

  void begin_next(Stream& stream) {
    if (waiting_.empty() || wants_whole_) return finish_stream();
    stream.range = waiting_.front();
    stream.at = stream.range.begin;
    stream.pauses.reset();
    waiting_.pop_front();
    ++n_active_;
    request(stream);
  }

  // With the last part of all: if the registry knows no ranges, it is asked for everything.
  void finish_stream() {
    if (!wants_whole_ || n_active_ > 0 || is_whole_) return;
    is_whole_ = true;
    n_there_ = 0;
    Stream& stream = *streams_.front();
    stream.range = {0, blob_.size_bytes()};
    stream.at = 0;
    stream.pauses.reset();
    ++n_active_;
    request(stream);
  }

  Call call_for(const Stream& stream) const {
    Call call{.path = "blobs/" + blob_.digest().text()};
    if (!is_whole_)
      call.headers.push_back(fmt::format("Range: bytes={}-{}", stream.at, stream.range.end - 1));
    return call;
  }

  void request(Stream& stream) {
    stream.tried_from = stream.at;
    stream.head_is_checked = false;
    session_.send(
        call_for(stream),
        [this, &stream](const Head& head, std::string_view bytes) { return take(stream, head, bytes); },
        [this, &stream](Result<Response> response) { conclude(stream, std::move(response)); });
  }

  Error wrong(const Stream& stream, std::string_view expected, std::string_view found) const {
    const auto url = session_.url_of(call_for(stream));
    return make_error(ErrorCode::kMalformed, "GET {}: expected {}, found {}",
                      url ? url->shown() : session_.host(), expected, found);
  }

  Result<void> check_head(Stream& stream, const Head& head) {
    if (head.status == 200 && !is_whole_ && (stream.at != 0 || stream.range.end != blob_.size_bytes())) {
      wants_whole_ = true;
      return Error(ErrorCode::kUnsupported, "no ranges");
    }
    const uint64_t expected_bytes = stream.range.end - stream.at;
    if (head.status == 206) {
      const std::string expected = fmt::format("bytes {}-", stream.at);
      const std::string total = fmt::format("/{}", blob_.size_bytes());
      const auto range = head.header("content-range").value_or("none");
      if (!range.starts_with(expected) || (!range.ends_with(total) && !range.ends_with("/*"))) {
        return wrong(stream, fmt::format("Content-Range: {}{}{}", expected, stream.range.end - 1, total),
                     excerpt(range));
      }
    }
    const auto length = head.header("content-length");
    if (length && head.status == 200 && *length != fmt::format("{}", expected_bytes))
      return wrong(stream, fmt::format("{} bytes, as the manifest says", expected_bytes), excerpt(*length));
    return {};
  }

  Result<void> take(Stream& stream, const Head& head, std::string_view bytes) {
    if (!stream.head_is_checked) {
      HEARTH_TRY(check_head(stream, head));
      stream.head_is_checked = true;
    }
    if (bytes.size() > stream.range.end - stream.at) {
      return wrong(stream,
                   fmt::format("{} bytes, as the manifest says", stream.range.end - stream.tried_from),
                   "more of them");
    }
    while (!bytes.empty()) {
      // Up to a multiple of the buffer's size: the next one begins where pages do.
      const uint64_t room = limits_.buffered_bytes - stream.at % limits_.buffered_bytes;
      const std::string_view piece = bytes.substr(0, room);
      stream.buffer += piece;
      stream.at += piece.size();
      bytes.remove_prefix(piece.size());
      n_there_ += piece.size();
      if (piece.size() == room) HEARTH_TRY(flush(stream));
    }
    on_bytes_(n_there_);
    return {};
  }

  Result<void> flush(Stream& stream) {
    if (stream.buffer.empty()) return {};
    auto written = blob_.write(stream.at - stream.buffer.size(), bytes_of(stream.buffer));
    stream.buffer.clear();
    return written;
  }

  void conclude(Stream& stream, Result<Response> response) {
    if (failed_) return;
    if (const auto flushed = flush(stream); !flushed) return fail(flushed.error());
    if (wants_whole_ && !is_whole_ && (!response || stream.at < stream.range.end)) return drop(stream);
    if (response && response->head.status != 200 && response->head.status != 206)
      response = session_.unexpected(call_for(stream), *response, "200 or 206");
    if (response && stream.at < stream.range.end) {
      response = make_error(ErrorCode::kUnavailable, "{}",
                            wrong(stream, fmt::format("{} bytes", stream.range.end - stream.tried_from),
                                  fmt::format("{}", stream.at - stream.tried_from))
                                .message());
    }
    if (!response) return try_again(stream, response.error());
    stream.range = {};
    stream.at = 0;
    --n_active_;
    begin_next(stream);
  }

  // It will be fetched with all the rest.
  void drop(Stream& stream) {
    stream.range = {};
    stream.at = 0;
    --n_active_;
    finish_stream();
  }

  void try_again(Stream& stream, const Error& error) {
    if (error.code() != ErrorCode::kUnavailable) return fail(error);
    if (is_whole_) {
      stream.at = 0;  // without ranges there is no going on
      n_there_ = 0;
    } else if (stream.at > stream.tried_from) {
      stream.pauses.reset();
    }
    const auto pause = stream.pauses.next();
    if (!pause) return fail(error.in(fmt::format("gave up after {} tries", session_.options().max_tries)));
    session_.after(*pause, [this, &stream] {
      if (!failed_) request(stream);
    });
  }

  void fail(const Error& error) {
    if (!failed_) failed_ = error;
  }

  Session& session_;
  PartialBlob& blob_;
  const OnBytes& on_bytes_;
  const LossLimits limits_;
  std::deque<ByteRange> waiting_;
  std::vector<std::unique_ptr<Stream>> streams_;
  size_t n_active_ = 0;
  uint64_t n_there_ = 0;      // of the blob's bytes, on the disk or not
  bool wants_whole_ = false;  // the registry knows no ranges
  bool is_whole_ = false;     // and everything is on its way in one
  std::optional<Error> failed_;
};

}  // namespace

Result<void> download(Session& session, PartialBlob& blob, const OnBytes& on_bytes) {
  return Download(session, blob, on_bytes).run();
}

}  // namespace hearth::store::registry
