// Reads everything that an opened GGUF file offers: what the parser let through must be safe to use, and a
// sanitizer sees it where it is not. Targets that include this link hearth_gguf.
#pragma once

#include <cstdint>

#include "formats/gguf/gguf.h"

namespace hearth::testing {

inline uint64_t walk_value(const gguf::Value& value) {
  uint64_t sum = value.to_string().size() + value.to_string(7).size();
  sum += value.as_u64().value_or(1) + static_cast<uint64_t>(value.as_i64().value_or(1));
  sum += value.as_f64() ? 1 : 0;
  sum += value.as_bool().value_or(true) ? 1 : 0;
  if (const auto text = value.as_string(); text && !text->empty()) sum += static_cast<uint8_t>(text->back());
  if (const auto strings = value.as_strings()) {
    for (const auto text : *strings) sum += text.empty() ? 0 : static_cast<uint8_t>(text.back());
  }
  if (const auto floats = value.as_floats()) sum += floats->size();
  if (const auto integers = value.as_integers()) {
    for (const int64_t integer : *integers) sum += static_cast<uint64_t>(integer);
  }
  return sum;
}

// The accessors by key, each of which must give a value or an error that names the file.
inline uint64_t walk_key(const gguf::File& file, std::string_view key) {
  uint64_t sum = 0;
  const auto add = [&](const auto& result) { sum += result ? 1 : result.error().message().size(); };
  add(file.u64(key));
  add(file.f64(key));
  add(file.string(key));
  add(file.u64_or(key, 1));
  add(file.f64_or(key, 1));
  add(file.bool_or(key, true));
  add(file.string_or(key, ""));
  return sum;
}

// A number that depends on all that was read; discarding it discards no read that a sanitizer checks.
inline uint64_t walk(const gguf::File& file) {
  uint64_t sum = file.name().size() + file.version() + file.size_bytes() + file.alignment() + file.n_parts();
  for (const gguf::MetadataEntry& entry : file.metadata()) {
    HEARTH_CHECK(file.find(entry.key) == &entry.value);
    sum += walk_value(entry.value) + walk_key(file, entry.key);
  }
  for (const gguf::TensorInfo& tensor : file.tensors()) {
    HEARTH_CHECK(file.find_tensor(tensor.name) == &tensor);
    HEARTH_CHECK(tensor.data.size() == tensor.size_bytes && !tensor.data.empty());
    HEARTH_CHECK((tensor::Tensor{tensor.dtype, tensor.shape, nullptr}.size_bytes()) == tensor.size_bytes);
    sum += std::to_integer<uint64_t>(tensor.data.front()) + std::to_integer<uint64_t>(tensor.data.back());
  }
  return sum + walk_key(file, "no such key");
}

}  // namespace hearth::testing
