// Finds the tensors that an architecture asks for, and knows which of them it did not ask for.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "models/checkpoint.h"

namespace hearth::models {

// Lives while a checkpoint is read. Not thread-safe.
class TensorReader {
 public:
  explicit TensorReader(const Checkpoint& file) : file_(file) {}

  const Checkpoint& file() const noexcept { return file_; }
  bool has(std::string_view name) const { return file_.find_tensor(name) != nullptr; }

  // The values of a small F32 vector. Missing or of another shape: kMalformed, with name, expected and found
  // shape; of another type: kUnsupported.
  Result<std::vector<float>> host_vector(const std::string& name, int64_t expected_length);

  // Says that the architecture has no use for a tensor, which some files have nevertheless.
  void ignore(const std::string& name) { used_.insert(name); }

  // kUnsupported if the file has tensors that nobody asked for: an architecture that ignores a part of a
  // model would answer with nonsense. `ignored` are name prefixes that are known to hold no weights of the
  // text model.
  Result<void> check_all_used(std::initializer_list<std::string_view> ignored = {}) const;

  // Bytes of everything asked for so far.
  uint64_t bytes_read() const noexcept { return bytes_read_; }

 protected:
  // A tensor of this shape, which counts as asked for.
  Result<const gguf::TensorInfo*> find(const std::string& name, const tensor::Shape& expected);
  Result<const gguf::TensorInfo*> find_f32(const std::string& name, const tensor::Shape& expected);
  void set_bytes_read(uint64_t bytes) noexcept { bytes_read_ = bytes; }

 private:
  const Checkpoint& file_;
  std::set<std::string, std::less<>> used_;
  uint64_t bytes_read_ = 0;
};

}  // namespace hearth::models
