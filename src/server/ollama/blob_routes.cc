// /api/blobs/{digest}: whether a blob is in the store, and putting one there, as clients do before
// /api/create.
#include "server/models/model_store.h"
#include "server/ollama/handlers.h"
#include "server/ollama/refusal.h"
#include "server/ollama/store_access.h"

namespace hearth::server::ollama {
namespace {

using wire::ApiError;
using wire::ApiResult;

// Handed to the store's threads at a time: long enough that going there and back does not matter.
constexpr size_t kPartBytes = size_t{1} << 20U;

// Shared with the store's threads, on one of which it is taken apart: to remove a large file takes its time.
struct Upload {
  std::optional<store::BlobWriter> writer;
  std::string part;
};

template <typename Work>
Task<Result<void>> run_on(ModelStore& store, std::shared_ptr<Upload> upload, Work work) {
  std::function<Result<void>(const store::Store&)> job =
      [upload = std::move(upload), work](const store::Store& opened) { return work(opened, *upload); };
  return store.run<Result<void>>(std::move(job));
}

ApiResult<store::Digest> digest_of(const OllamaApi& api, const http::Request& request) {
  HEARTH_TRY(check_store(api));
  const auto digest = store::Digest::parse(request.parameters.front());
  if (!digest) return ApiError(digest.error());
  return *digest;
}

// What is not read would cut the client off while it writes, before it has seen the answer.
Task<void> discard(http::BodyReader& body) {
  std::string part;
  while (true) {
    part.clear();
    const bool more = co_await body.read(part);
    if (!more) break;
  }
}

// Up to kPartBytes of it; false: nothing more comes.
Task<bool> fill(http::BodyReader& body, std::string& part) {
  part.clear();
  while (part.size() < kPartBytes) {
    const bool more = co_await body.read(part);
    if (!more) co_return false;
  }
  co_return true;
}

Task<ApiResult<void>> receive(OllamaApi api, http::BodyReader& body, store::Digest digest,
                              std::shared_ptr<Upload> upload) {
  const auto begin = [](const store::Store& store, Upload& to) -> Result<void> {
    HEARTH_ASSIGN(to.writer, store.new_blob());
    return {};
  };
  const auto append = [](const store::Store& /*store*/, Upload& to) -> Result<void> {
    return to.writer->append(store::bytes_of(to.part));
  };
  const auto finish = [digest](const store::Store& /*store*/, Upload& to) -> Result<void> {
    const auto written = to.writer->finish(digest);
    return written ? Result<void>() : Result<void>(written.error());
  };
  const Result<void> begun = co_await run_on(*api.store, upload, begin);
  if (!begun) co_return store_error(api, begun.error());
  bool more = true;
  while (more) {
    more = co_await fill(body, upload->part);
    if (const auto& failure = body.failure()) co_return ApiError(failure->status, failure->message);
    const Result<void> appended = co_await run_on(*api.store, upload, append);
    if (!appended) co_return store_error(api, appended.error());
  }
  const Result<void> finished = co_await run_on(*api.store, upload, finish);
  if (!finished) co_return store_error(api, finished.error());
  co_return ApiResult<void>();
}

// 200 where it is there already, 201 where it came.
Task<ApiResult<int>> put(OllamaApi api, const http::Request& request) {
  constexpr int kCreated = 201;
  const ApiResult<store::Digest> digest = digest_of(api, request);
  if (!digest) co_return digest.error();
  http::BodyReader& body = *request.streamed_body;
  if (api.store->store().has_blob(*digest)) {
    const Result<void> verified = co_await api.store->ensure_verified(*digest);
    if (verified) {
      if (!body.is_held_back()) co_await discard(body);
      co_return 200;
    }
    // What is damaged is written anew.
    if (verified.error().code() != ErrorCode::kMalformed) co_return store_error(api, verified.error());
  }
  const auto upload = std::make_shared<Upload>();
  const ApiResult<void> received = co_await receive(api, body, *digest, upload);
  const auto take_apart = [](const store::Store& /*store*/, Upload& done) -> Result<void> {
    done.writer.reset();
    return {};
  };
  const Result<void> taken_apart = co_await run_on(*api.store, upload, take_apart);
  if (!received) co_return received.error();
  if (!taken_apart) co_return store_error(api, taken_apart.error());
  co_return kCreated;
}

}  // namespace

Task<void> find_blob(OllamaApi api, const http::Request& request, http::Responder& responder) {
  constexpr int kNotFound = 404;
  const ApiResult<store::Digest> digest = digest_of(api, request);
  http::Response response;
  if (!digest) {
    response = refusal(digest.error());
  } else if (!api.store->store().has_blob(*digest)) {
    response = refusal({kNotFound, fmt::format("there is no blob {}", digest.value().text())});
  }
  co_await responder.send(std::move(response));
}

Task<void> put_blob(OllamaApi api, const http::Request& request, http::Responder& responder) {
  const ApiResult<int> done = co_await put(api, request);
  if (responder.is_disconnected()) co_return;
  http::Response response;
  if (done) {
    response.status = *done;
  } else {
    response = refusal(done.error());
  }
  co_await responder.send(std::move(response));
}

}  // namespace hearth::server::ollama
