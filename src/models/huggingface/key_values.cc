#include "models/huggingface/key_values.h"

#include <algorithm>

namespace hearth::models {

void OwnedMetadata::add(std::string_view key, gguf::ValueType type, std::span<const std::byte> value) {
  const std::string& own_key = texts_.emplace_back(key);
  const std::string& own = texts_.emplace_back(reinterpret_cast<const char*>(value.data()), value.size());
  entries_.push_back({own_key, gguf::Value(type, std::as_bytes(std::span(own)))});
}

void OwnedMetadata::add(std::string_view key, uint32_t value) {
  add(key, gguf::ValueType::kU32, std::as_bytes(std::span(&value, 1)));
}

void OwnedMetadata::add(std::string_view key, double value) {
  add(key, gguf::ValueType::kF64, std::as_bytes(std::span(&value, 1)));
}

void OwnedMetadata::add(std::string_view key, std::string_view value) {
  add(key, gguf::ValueType::kString, std::as_bytes(std::span(value)));
}

const gguf::Value* OwnedMetadata::find(std::string_view key) const noexcept {
  const auto at = std::ranges::find(entries_, key, &gguf::MetadataEntry::key);
  return at != entries_.end() ? &at->value : nullptr;
}

}  // namespace hearth::models
