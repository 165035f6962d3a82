// Reads an architecture's hyperparameters (ARCHITECTURE.key) and holds them to ranges in which no later
// product can overflow.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "formats/gguf/gguf.h"

namespace hearth::models {

// A number for each layer, which may be the same for all.
class LayerCounts {
 public:
  // One number, or as many as there are layers.
  explicit LayerCounts(std::vector<int64_t> numbers) : numbers_(std::move(numbers)) {}
  int64_t operator[](int64_t layer) const {
    return numbers_.size() == 1 ? numbers_.front() : numbers_[static_cast<size_t>(layer)];
  }

 private:
  std::vector<int64_t> numbers_;
};

class ConfigReader {
 public:
  // Larger than any model's dimension; squares of it do not overflow.
  static constexpr int64_t kMaxCount = int64_t{1} << 30;

  // `file` has general.architecture: the registry has read it. It must outlive the reader.
  explicit ConfigReader(const gguf::KeyValues& file);

  std::string_view architecture() const noexcept { return architecture_; }

  // A number from 1 to kMaxCount that must be there ...
  Result<int64_t> count(std::string_view key) const;
  // ... or may be absent; then 0 is allowed too.
  Result<int64_t> count_or(std::string_view key, int64_t fallback) const;
  // An array of n_layers numbers, or one for all; each as count() wants it.
  Result<LayerCounts> layer_counts(std::string_view key, int64_t n_layers) const;
  // An array of n_layers flags.
  Result<std::vector<bool>> layer_flags(std::string_view key, int64_t n_layers) const;
  // False where the key is absent.
  Result<bool> flag(std::string_view key) const { return file_.bool_or(full_key(key), false); }
  // A positive number; the fallback, which may be 0, where the key is absent.
  Result<float> positive_or(std::string_view key, float fallback) const;
  // A small positive number.
  Result<float> epsilon(std::string_view key) const;
  // A finite positive number by which something is multiplied or divided; 0, or no such key, is `fallback`.
  Result<float> factor_or(std::string_view key, float fallback) const;

  bool has(std::string_view key) const { return file_.find(full_key(key)) != nullptr; }
  // kUnsupported if the key is there with anything but 0 or false: an option that Hearth does not compute.
  Result<void> refuse_if_set(std::string_view key) const;

  // The length of the tokenizer's list of tokens, which the embedding table must have;
  // ARCHITECTURE.vocab_size where the file has no tokens.
  Result<int64_t> vocabulary_size() const;

  // "FILE: metadata KEY: expected ..., found ..."
  Error error(std::string_view key, std::string_view expected, int64_t found) const;

 private:
  std::string full_key(std::string_view key) const;
  // The n elements of an array.
  Result<std::vector<int64_t>> integers(std::string_view key, int64_t n) const;

  const gguf::KeyValues& file_;
  std::string_view architecture_;
};

}  // namespace hearth::models
