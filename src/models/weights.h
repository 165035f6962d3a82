// Reads the tensors that an architecture asks for, checks their shapes, and hands them to the backend.
#pragma once

#include <set>
#include <string>
#include <string_view>

#include "base/result.h"
#include "formats/gguf/gguf.h"
#include "tensor/backend.h"

namespace hearth::models {

// Rows first .. first + count - 1 of a matrix.
struct RowRange {
  int64_t first = 0;
  int64_t count = 0;
};

// Lives while a model is loaded. Not thread-safe.
class WeightReader {
 public:
  WeightReader(const gguf::File& file, tensor::Backend& backend) : file_(file), backend_(backend) {}

  bool has(std::string_view name) const { return file_.find_tensor(name) != nullptr; }

  // A matrix or a stack of matrices of any type that the backend multiplies. Missing or of another shape:
  // kMalformed, with name, expected and found shape; of a type that cannot be computed with: kUnsupported.
  Result<tensor::Tensor> matrix(const std::string& name, const tensor::Shape& expected);
  // Some rows of one, for tensors in which several matrices stand one above the other.
  Result<tensor::Tensor> matrix_rows(const std::string& name, const tensor::Shape& expected, RowRange rows);
  // A tensor of F32.
  Result<tensor::Tensor> floats(const std::string& name, const tensor::Shape& expected);
  // A vector of F32.
  Result<tensor::Tensor> vector(const std::string& name, int64_t expected_length);
  // Some elements of one.
  Result<tensor::Tensor> vector_part(const std::string& name, int64_t expected_length, RowRange part);
  // The values of a small F32 vector, copied to the host.
  Result<std::vector<float>> host_vector(const std::string& name, int64_t expected_length);

  // kUnsupported if the file has tensors that nobody asked for: an architecture that ignores a part of a
  // model would answer with nonsense. `ignored` are name prefixes that are known to hold no weights of the
  // text model.
  Result<void> check_all_used(std::initializer_list<std::string_view> ignored = {}) const;

  // Bytes of everything read so far.
  uint64_t bytes_read() const noexcept { return bytes_read_; }

 private:
  Result<const gguf::TensorInfo*> find_matrix(const std::string& name, const tensor::Shape& expected);
  Result<const gguf::TensorInfo*> find_f32(const std::string& name, const tensor::Shape& expected);
  Result<const gguf::TensorInfo*> find(const std::string& name, const tensor::Shape& expected);

  const gguf::File& file_;
  tensor::Backend& backend_;
  std::set<std::string, std::less<>> used_;
  uint64_t bytes_read_ = 0;
};

}  // namespace hearth::models
