#include "worker/adapters.h"

#include "models/adapter/lora_gguf.h"

namespace hearth::worker {

Result<uint64_t> Adapters::load(const OpenedModel& model, const std::string& id, const FileSource& source,
                                const std::string& path) {
  if (id.empty() || by_id_.contains(id))
    return make_error(ErrorCode::kUsage, "adapter '{}': expected an id that is not in use", id);
  if (model.generator() == nullptr) {
    return make_error(ErrorCode::kUnsupported, "{}: expected a model that writes texts, found an encoder",
                      path);
  }
  HEARTH_ASSIGN(const gguf::File gguf, gguf::File::open(source, path));
  HEARTH_ASSIGN(const models::LoraAdapter adapter, models::read_gguf_adapter(gguf, model.checkpoint()));
  HEARTH_TRY(models::check_lora_adapter(adapter, model.checkpoint()));
  HEARTH_ASSIGN(auto loaded, model.generator()->load_adapter(adapter));
  const uint64_t size_bytes = loaded->size_bytes();
  by_id_.emplace(id, std::move(loaded));
  return size_bytes;
}

Result<std::shared_ptr<const models::LoadedAdapter>> Adapters::find(const std::string& id) const {
  if (id.empty()) return std::shared_ptr<const models::LoadedAdapter>();
  const auto found = by_id_.find(id);
  if (found == by_id_.end()) return make_error(ErrorCode::kNotFound, "adapter '{}' is not loaded", id);
  return found->second;
}

}  // namespace hearth::worker
