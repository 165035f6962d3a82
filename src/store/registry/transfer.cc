#include "store/registry/transfer.h"

#include <fcntl.h>
#include <sys/file.h>

#include "base/excerpt.h"
#include "store/files.h"
#include "store/registry/download.h"
#include "store/registry/signatures.h"
#include "store/registry/upload.h"

namespace hearth::store::registry {
namespace {

constexpr auto kLockedPause = std::chrono::milliseconds(250);

Result<std::string> fetch_manifest(Session& session) {
  const Call call{.path = "manifests/" + session.name().tag,
                  .headers = {fmt::format("Accept: {}, {}", media_type::kManifest, media_type::kOciManifest)},
                  .max_body_bytes = kMaxManifestBytes};
  HEARTH_ASSIGN(Response response, session.ask(call, {200}));
  HEARTH_ASSIGN(const Url url, session.url_of(call));
  const auto told = response.head.header("docker-content-digest");
  const std::string found = Digest::of(response.body).text();
  if (told && told->starts_with("sha256:") && *told != found) {
    return make_error(ErrorCode::kMalformed,
                      "GET {}: expected a manifest with the digest {} of its head, found {}", url.shown(),
                      excerpt(*told), found);
  }
  return std::move(response.body);
}

Result<void> pause(Session& session, std::chrono::milliseconds time) {
  bool is_over = false;
  session.after(time, [&is_over] { is_over = true; });
  return session.run([&is_over] { return is_over; });
}

void tell(const TransferEvents& events, const std::string& note) {
  if (events.on_note) events.on_note(note);
}

class Pull {
 public:
  Pull(Session& session, const Store& store, const TransferEvents& events, Session* peer)
      : session_(session), store_(store), events_(events), peer_(peer) {}

  Result<Pulled> run() {
    HEARTH_ASSIGN(pulled_.manifest, fetch_manifest(session_));
    const auto manifest = Manifest::parse(pulled_.manifest);
    if (!manifest)
      return manifest.error().in(fmt::format("{}: manifest of {}", session_.host(), session_.name().text()));
    for (const Layer& layer : manifest->blobs()) {
      HEARTH_TRY(take(layer));
    }
    HEARTH_TRY(take_signatures());
    return std::move(pulled_);
  }

 private:
  Result<void> take_signatures() {
    auto signatures = fetch_signatures(session_, Digest::of(pulled_.manifest));
    if (signatures) {
      pulled_.signatures = *std::move(signatures);
      return {};
    }
    if (signatures.error().code() == ErrorCode::kCancelled) return signatures.error();
    tell(events_, fmt::format("without signatures: {}", signatures.error().message()));
    return {};
  }

  Progress progress_of(const Layer& layer) const {
    return [this, &layer](uint64_t read_bytes) {
      events_.on_verify(layer, read_bytes);
      return !session_.is_cancelled();
    };
  }

  // Whether the store has it, and it is what it should be.
  Result<bool> is_present(const Layer& layer) {
    if (store_.blob_size(layer.digest) != layer.size_bytes) return false;
    auto held = store_.open_blob(layer.digest);
    if (!held) return false;
    const auto verified = store_.ensure_verified(layer.digest, progress_of(layer));
    if (!verified && verified.error().code() == ErrorCode::kCancelled) return verified.error();
    if (!verified) return false;
    pulled_.present.push_back(std::move(held).value());
    events_.on_bytes(layer, layer.size_bytes);
    return true;
  }

  Result<void> take(const Layer& layer) {
    while (true) {
      HEARTH_ASSIGN(const bool present, is_present(layer));
      if (present) return {};
      const PartialBlobOptions options{.max_unsynced_bytes = loss_limits(session_.options()).unsynced_bytes};
      auto blob = store_.partial_blob(layer.digest, layer.size_bytes, options);
      if (blob) {
        const bool asks_peer = peer_ != nullptr;
        auto fetched = fetch(layer, std::move(blob).value());
        if (fetched || !asks_peer || peer_ != nullptr || fetched.error().code() != ErrorCode::kMalformed)
          return fetched;
        continue;  // with the registry alone
      }
      // Somebody else fetches it; then it is there, or it is ours to go on with.
      if (blob.error().code() != ErrorCode::kUnavailable) return blob.error();
      HEARTH_TRY(pause(session_, kLockedPause));
    }
  }

  Result<void> fetch(const Layer& layer, PartialBlob blob) {
    const OnBytes on_bytes = [&](uint64_t n_bytes) { events_.on_bytes(layer, n_bytes); };
    HEARTH_ASSIGN(const bool has_peers_bytes, ask_peer(blob, on_bytes));
    HEARTH_TRY(download(session_, blob, on_bytes));
    if (const auto committed = blob.commit(progress_of(layer)); !committed) {
      const bool is_other = committed.error().code() == ErrorCode::kMalformed;
      if (is_other && has_peers_bytes) leave_peer(committed.error());
      return committed.error().in(fmt::format("{}: blob {}", session_.host(), layer.digest.text()));
    }
    pulled_.fetched.push_back(std::move(blob));
    return {};
  }

  // Whether any of the blob came from the peer. What is missing afterwards is the registry's to send.
  Result<bool> ask_peer(PartialBlob& blob, const OnBytes& on_bytes) {
    if (peer_ == nullptr) return false;
    const uint64_t before = blob.written_bytes();
    const auto fetched = download(*peer_, blob, on_bytes);
    if (!fetched && fetched.error().code() == ErrorCode::kCancelled) return fetched.error();
    const bool lacks_it = !fetched && fetched.error().code() == ErrorCode::kNotFound;
    if (lacks_it) note(fetched.error());
    if (!fetched && !lacks_it) leave_peer(fetched.error());
    return blob.written_bytes() > before;
  }

  void leave_peer(const Error& why) {
    if (peer_ != nullptr) note(why);
    peer_ = nullptr;
  }

  void note(const Error& error) const {
    tell(events_, fmt::format("{}: {}; the registry is asked", peer_->origin(), error.message()));
  }

  Session& session_;
  const Store& store_;
  const TransferEvents& events_;
  Session* peer_;  // null: there is none, or it is asked no more
  Pulled pulled_;
};

}  // namespace

Result<std::vector<std::filesystem::path>> make_places_of_pull(const std::filesystem::path& root) {
  const Places places{root};
  std::vector<std::filesystem::path> made{places.blobs(), places.partial(), places.incoming(),
                                          places.verified()};
  for (const std::filesystem::path& folder : made) {
    HEARTH_TRY(make_folder(folder));
  }
  HEARTH_TRY(open_locked(places.lock(), O_RDWR | O_CREAT, LOCK_SH, Wait::kYes));
  made.push_back(places.lock());
  return made;
}

Result<Pulled> pull(Session& session, const Store& store, const TransferEvents& events, Session* peer) {
  return Pull(session, store, events, peer).run();
}

Result<void> push(Session& session, const Store& store, const ModelName& local_name,
                  const TransferEvents& events) {
  HEARTH_ASSIGN(const StoredManifest stored, store.manifest(local_name));
  for (const Layer& layer : stored.manifest.blobs()) {
    HEARTH_ASSIGN(const UniqueDescriptor blob, store.open_blob(layer.digest));
    HEARTH_TRY(store.ensure_verified(layer.digest, [&](uint64_t n_bytes) {
      events.on_verify(layer, n_bytes);
      return !session.is_cancelled();
    }));
    const OnBytes on_bytes = [&](uint64_t n_bytes) { events.on_bytes(layer, n_bytes); };
    HEARTH_TRY(upload(session, layer.digest, blob.get(), layer.size_bytes, on_bytes));
  }
  const Call call{.method = "PUT",
                  .path = "manifests/" + session.name().tag,
                  .headers = {"Content-Type: " + stored.manifest.media_type},
                  .body = stored.bytes};
  HEARTH_TRY(session.ask(call, {200, 201}));
  HEARTH_ASSIGN(const std::vector<ManifestSignature> signatures,
                read_signatures(store, stored.name, stored.digest));
  if (signatures.empty()) return {};
  const auto pushed = push_signatures(session, stored, signatures);
  if (!pushed && pushed.error().code() == ErrorCode::kCancelled) return pushed.error();
  tell(events,
       pushed ? fmt::format("pushed {} signature{}", signatures.size(), signatures.size() == 1 ? "" : "s")
              : fmt::format("without its signatures: {}", pushed.error().message()));
  return {};
}

}  // namespace hearth::store::registry
