// Metadata under GGUF's keys that did not come out of a GGUF file.
#pragma once

#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "formats/gguf/gguf.h"

namespace hearth::models {

// Views of it stay valid while it lives and when it is moved.
class OwnedMetadata {
 public:
  void add(std::string_view key, uint32_t value);
  void add(std::string_view key, double value);
  void add(std::string_view key, std::string_view value);

  std::span<const gguf::MetadataEntry> entries() const noexcept { return entries_; }
  const gguf::Value* find(std::string_view key) const noexcept;

 private:
  void add(std::string_view key, gguf::ValueType type, std::span<const std::byte> value);

  std::deque<std::string> texts_;  // of keys and values
  std::vector<gguf::MetadataEntry> entries_;
};

}  // namespace hearth::models
