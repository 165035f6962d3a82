#include "store/registry/upload.h"

#include <charconv>

#include "base/excerpt.h"

namespace hearth::store::registry {
namespace {

// Whether the registry has the blob.
Result<bool> is_there(Session& session, const Digest& digest) {
  HEARTH_ASSIGN(const Response found,
                session.ask(Call{.method = "HEAD", .path = "blobs/" + digest.text()}, {200, 404}));
  return found.head.status == 200;
}

// Where the content is to be sent.
Result<Url> begin_upload(Session& session) {
  const Call call{.method = "POST", .path = "blobs/uploads/"};
  HEARTH_ASSIGN(const Response begun, session.ask(call, {202}));
  HEARTH_ASSIGN(const Url from, session.url_of(call));
  return session.follow(from, begun);
}

class Upload {
 public:
  Upload(Session& session, const Digest& digest, int descriptor, uint64_t size_bytes, const OnBytes& on_bytes)
      : session_(session),
        digest_(digest),
        descriptor_(descriptor),
        size_bytes_(size_bytes),
        on_bytes_(on_bytes) {}

  Result<void> run() {
    HEARTH_ASSIGN(const bool has_it, is_there(session_, digest_));
    if (has_it) {
      on_bytes_(size_bytes_);
      return {};
    }
    HEARTH_TRY(begin());
    Backoff pauses = session_.backoff();
    while (at_ < size_bytes_) {
      const uint64_t before = at_;
      const auto sent = send_chunk();
      if (at_ > before) pauses.reset();
      if (sent) continue;
      const bool is_worth_it = sent.error().code() == ErrorCode::kUnavailable;
      const auto pause = is_worth_it ? pauses.next() : std::nullopt;
      if (!pause) return sent.error();
      HEARTH_TRY(sleep(*pause));
      HEARTH_TRY(find_place());
    }
    HEARTH_ASSIGN(const Url last, with_query(location_, "digest", digest_.text()));
    HEARTH_TRY(session_.ask(Call{.method = "PUT", .url = last}, {201, 204}));
    return {};
  }

 private:
  Result<void> begin() {
    at_ = 0;
    HEARTH_ASSIGN(location_, begin_upload(session_));
    return {};
  }

  Result<void> send_chunk() {
    const uint64_t n = std::min(session_.options().part_bytes, size_bytes_ - at_);
    const Call call{.method = "PATCH",
                    .url = location_,
                    .headers = {"Content-Type: application/octet-stream",
                                fmt::format("Content-Range: {}-{}", at_, at_ + n - 1)},
                    .file = FileBody{descriptor_, at_, n}};
    HEARTH_ASSIGN(const Response taken,
                  session_.ask_once(call, {202, 204}, [this](uint64_t n_sent) { on_bytes_(at_ + n_sent); }));
    HEARTH_ASSIGN(location_, session_.follow(location_, taken));
    at_ += n;
    return {};
  }

  // After a chunk that broke off: how much of it came, or else everything anew.
  Result<void> find_place() {
    const auto place = session_.ask(Call{.url = location_}, {204, 202});
    if (!place && place.error().code() == ErrorCode::kCancelled) return place.error();
    if (!place) return begin();
    const std::string_view range = place->head.header("range").value_or("");
    uint64_t last = 0;
    const std::string_view end = range.substr(std::min(range.size(), range.find('-') + 1));
    const auto read = std::from_chars(end.data(), end.data() + end.size(), last);
    // "0-0" is what nothing looks like, too.
    if (!range.starts_with("0-") || read.ec != std::errc() || last >= size_bytes_ || last == 0)
      return begin();
    at_ = last + 1;
    if (place->head.header("location")) {
      HEARTH_ASSIGN(location_, session_.follow(location_, *place));
    }
    return {};
  }

  Result<void> sleep(std::chrono::milliseconds pause) {
    bool is_over = false;
    session_.after(pause, [&is_over] { is_over = true; });
    return session_.run([&is_over] { return is_over; });
  }

  Session& session_;
  const Digest& digest_;
  int descriptor_;
  uint64_t size_bytes_;
  const OnBytes& on_bytes_;
  Url location_;
  uint64_t at_ = 0;
};

}  // namespace

Result<void> upload(Session& session, const Digest& digest, int descriptor, uint64_t size_bytes,
                    const OnBytes& on_bytes) {
  return Upload(session, digest, descriptor, size_bytes, on_bytes).run();
}

Result<void> upload_text(Session& session, std::string_view text) {
  const Digest digest = Digest::of(text);
  HEARTH_ASSIGN(const bool has_it, is_there(session, digest));
  if (has_it) return {};
  HEARTH_ASSIGN(const Url location, begin_upload(session));
  HEARTH_ASSIGN(const Url whole, with_query(location, "digest", digest.text()));
  HEARTH_TRY(session.ask(Call{.method = "PUT",
                              .url = whole,
                              .headers = {"Content-Type: application/octet-stream"},
                              .body = std::string(text)},
                         {201, 204}));
  return {};
}

}  // namespace hearth::store::registry
