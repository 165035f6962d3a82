#include "server/transfers/sharing.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <cerrno>
#include <variant>

#include "server/http/byte_range.h"

namespace hearth::server {
namespace {

// Read at a time: long enough that going to the store's threads and back does not matter.
constexpr uint64_t kReadBytes = uint64_t{1} << 20U;

struct SharedBlob {
  std::shared_ptr<const UniqueDescriptor> file;  // also of the thread that reads
  uint64_t size_bytes = 0;
  uint64_t begin = 0;  // of what was asked for
  uint64_t end = 0;
  bool is_range = false;
};

http::Response refusal(const http::Request& request, int status, std::string_view message) {
  return http::error_response(http::Dialect::kOllama, status, message, request.id);
}

// This machine, or this user over the Unix socket.
bool is_from_here(const std::string& peer) {
  if (peer.starts_with("uid ")) return true;
  boost::system::error_code error;
  const auto address = boost::asio::ip::make_address(peer, error);
  return !error && address.is_loopback();
}

std::variant<SharedBlob, http::Response> find(const ModelStore& store, const http::Request& request) {
  if (request.identity.key_id.empty() && !is_from_here(request.peer))
    return refusal(request, 401, "copying models to another machine needs an API key");
  const auto digest = store::Digest::parse(request.parameters.front());
  if (!digest) return refusal(request, 400, digest.error().message());
  auto file = store.store().open_blob(*digest);
  struct stat info {};
  if (!file || ::fstat(file->get(), &info) != 0)
    return refusal(request, 404, fmt::format("there is no blob {}", digest->text()));
  SharedBlob blob;
  blob.file = std::make_shared<const UniqueDescriptor>(std::move(*file));
  blob.end = blob.size_bytes = static_cast<uint64_t>(info.st_size);
  const auto header = request.header("range");
  if (!header) return blob;
  const auto range = http::parse_range(*header);
  if (!range)
    return refusal(request, 400, "Range: expected one range, bytes=FIRST-LAST, found something else");
  blob.is_range = true;
  blob.begin = range->first;
  blob.end = std::min(range->last + 1, blob.size_bytes);
  if (blob.begin < blob.size_bytes) return blob;
  http::Response beyond = refusal(request, 416, "Range: expected a beginning within the blob");
  beyond.headers.emplace_back("Content-Range", fmt::format("bytes */{}", blob.size_bytes));
  return beyond;
}

// Nothing where it cannot be read, or is shorter than it was.
std::optional<std::string> read_at(int descriptor, uint64_t offset, uint64_t n_bytes) {
  std::string bytes(static_cast<size_t>(n_bytes), '\0');
  for (size_t done = 0; done < bytes.size();) {
    const ssize_t n =
        ::pread(descriptor, bytes.data() + done, bytes.size() - done, static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return std::nullopt;
    done += static_cast<size_t>(n);
  }
  return bytes;
}

Task<void> send_blob(ModelStore& store, SharedBlob blob, bool is_head, http::Responder& responder) {
  constexpr int kOk = 200;
  constexpr int kPartialContent = 206;
  const int status = blob.is_range ? kPartialContent : kOk;
  std::string content_type = "application/octet-stream";
  http::Headers headers{{"Accept-Ranges", "bytes"}};
  if (blob.is_range) {
    headers.emplace_back("Content-Range",
                         fmt::format("bytes {}-{}/{}", blob.begin, blob.end - 1, blob.size_bytes));
  }
  bool is_there = co_await responder.begin(status, std::move(content_type), std::move(headers));
  for (uint64_t at = blob.begin; is_there && !is_head && at < blob.end;) {
    const uint64_t n_bytes = std::min(kReadBytes, blob.end - at);
    std::function<std::optional<std::string>(const store::Store&)> read =
        [file = blob.file, at, n_bytes](const store::Store&) { return read_at(file->get(), at, n_bytes); };
    std::optional<std::string> bytes = co_await store.run<std::optional<std::string>>(std::move(read));
    if (!bytes) co_return;  // the answer is cut off, which is seen
    std::string part = std::move(*bytes);
    is_there = co_await responder.write(std::move(part));
    at += n_bytes;
  }
  if (is_there) co_await responder.end();
}

Task<void> share_blob(ModelStore& store, const http::Request& request, http::Responder& responder) {
  auto found = find(store, request);
  if (auto* refused = std::get_if<http::Response>(&found)) {
    http::Response response = std::move(*refused);
    co_await responder.send(std::move(response));
    co_return;
  }
  SharedBlob blob = std::move(std::get<SharedBlob>(found));
  const bool is_head = request.method == http::Method::kHead;
  co_await send_blob(store, std::move(blob), is_head, responder);
}

}  // namespace

void add_sharing_routes(http::Router& router, ModelStore& store) {
  router.add({.method = http::Method::kGet,
              .pattern = "/api/shared/blobs/{digest}",
              .scope = http::Scope::kInference,
              .dialect = http::Dialect::kOllama,
              .handler = [&store](const http::Request& request, http::Responder& responder) {
                return share_blob(store, request, responder);
              }});
}

}  // namespace hearth::server
