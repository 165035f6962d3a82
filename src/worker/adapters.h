// The adapters that an engine process holds, by the ids that calls name them by.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "base/file_source.h"
#include "base/result.h"
#include "models/adapter/loaded_adapter.h"
#include "worker/opened_model.h"

namespace hearth::worker {

// Not thread-safe.
class Adapters {
 public:
  // The model, which is to be opened, must outlive what is loaded here.
  //
  // Reads a GGUF file: the bytes that the adapter takes in memory. kUsage where there is one of this id;
  // kUnsupported for an encoder; the errors of gguf::File::open, models::read_gguf_adapter,
  // models::check_lora_adapter and LoadedModel::load_adapter.
  Result<uint64_t> load(const OpenedModel& model, const std::string& id, const FileSource& source,
                        const std::string& path);
  // Requests that have it keep it.
  void unload(const std::string& id) { by_id_.erase(id); }
  void clear() { by_id_.clear(); }
  // Null for an empty id. kNotFound.
  Result<std::shared_ptr<const models::LoadedAdapter>> find(const std::string& id) const;

 private:
  std::map<std::string, std::shared_ptr<const models::LoadedAdapter>> by_id_;
};

}  // namespace hearth::worker
