#include "server/ollama/quantization.h"

#include "server/models/model_store.h"
#include "server/ollama/store_access.h"

namespace hearth::server::ollama {
namespace {

using wire::ApiError;
using wire::ApiResult;
using wire::Json;

using Blob = std::shared_ptr<store::BlobWriter>;

Task<Result<Blob>> new_blob(OllamaApi api) {
  std::function<Result<Blob>(const store::Store&)> work = [](const store::Store& store) -> Result<Blob> {
    HEARTH_ASSIGN(store::BlobWriter writer, store.new_blob());
    return std::make_shared<store::BlobWriter>(std::move(writer));
  };
  return api.store->run<Result<Blob>>(std::move(work));
}

// The engine has read what strangers made: what it wrote is what stands in the file.
Task<Result<store::Digest>> finish(OllamaApi api, Blob blob) {
  std::function<Result<store::Digest>(const store::Store&)> work =
      [blob = std::move(blob)](const store::Store&) -> Result<store::Digest> {
    HEARTH_TRY(blob->take_in());
    return blob->finish();
  };
  return api.store->run<Result<store::Digest>>(std::move(work));
}

Json progress_record(const std::string& status, const protocol::Progress& progress) {
  // It has no digest yet; clients show a line of its own for each.
  Json record{{"status", status}, {"digest", "0000000000000000000"}, {"total", progress.total()}};
  if (progress.completed() > 0) record["completed"] = progress.completed();
  return record;
}

}  // namespace

Task<ApiResult<QuantizedWeights>> quantize_weights(OllamaApi api, CatalogEntry entry, protocol::Opened opened,
                                                   std::string type, TellProgress tell) {
  Result<Blob> blob = co_await new_blob(api);
  if (!blob) co_return store_error(api, blob.error());
  QuantizeWish wish;
  wish.scheme = type;
  wish.output = (*blob)->descriptor();
  wish.on_progress = [&tell, status = fmt::format("quantizing {} model to {}", opened.quantisation(), type)](
                         const protocol::Progress& progress) {
    Json record = progress_record(status, progress);
    return tell(std::move(record));
  };
  const Result<std::string> quantized = co_await api.models.quantize(std::move(entry), std::move(wish));
  if (!quantized) {
    ApiError error = store_error(api, quantized.error().in("quantize"));
    co_return error;
  }
  const Result<store::Digest> digest = co_await finish(api, *blob);
  if (!digest) co_return store_error(api, digest.error());
  QuantizedWeights weights;
  weights.layer = {std::string(store::media_type::kModel), *digest, (*blob)->size_bytes(), "", ""};
  weights.type = *quantized;
  weights.held = std::move(*blob);
  co_return weights;
}

}  // namespace hearth::server::ollama
