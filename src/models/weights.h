// Reads the tensors that an architecture asks for, checks their shapes, and hands them to the backend.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "models/tensor_reader.h"
#include "tensor/backend.h"

namespace hearth::models {

// Rows first .. first + count - 1 of a matrix.
struct RowRange {
  int64_t first = 0;
  int64_t count = 0;
};

// A weight that no file holds, with its memory.
struct OwnedWeight {
  std::shared_ptr<tensor::Buffer> memory;
  tensor::Tensor tensor;
};

// Lives while a model is loaded. Not thread-safe.
class WeightReader : public TensorReader {
 public:
  WeightReader(const Checkpoint& file, tensor::Backend& backend) : TensorReader(file), backend_(backend) {}

  // A matrix or a stack of matrices of any type that the backend multiplies. Missing or of another shape:
  // kMalformed, with name, expected and found shape; of a type that cannot be computed with: kUnsupported.
  Result<tensor::Tensor> matrix(const std::string& name, const tensor::Shape& expected);
  // Some rows of one, for tensors in which several matrices stand one above the other.
  Result<tensor::Tensor> matrix_rows(const std::string& name, const tensor::Shape& expected, RowRange rows);
  // The same for whoever can put the columns of its input into another order: where the checkpoint has one
  // for this matrix (Checkpoint::column_order), column j of `weight` belongs to element order[j] of the
  // input. The other functions refuse such a matrix (kUnsupported).
  struct OrderedMatrix {
    tensor::Tensor weight;
    std::optional<tensor::Tensor> order;  // [columns] i32
  };
  Result<OrderedMatrix> ordered_matrix_rows(const std::string& name, const tensor::Shape& expected,
                                            RowRange rows);
  // A tensor of F32.
  Result<tensor::Tensor> floats(const std::string& name, const tensor::Shape& expected);
  // A vector of F32.
  Result<tensor::Tensor> vector(const std::string& name, int64_t expected_length);
  // Some elements of one.
  Result<tensor::Tensor> vector_part(const std::string& name, int64_t expected_length, RowRange part);
  // The values of a matrix, copied to the host, to be rearranged: what is made of them counts in its place.
  Result<std::vector<float>> host_matrix(const std::string& name, const tensor::Shape& expected);
  // An F32 tensor of these values in memory of the backend.
  Result<OwnedWeight> make(const tensor::Shape& shape, std::span<const float> values);

  // Notes that an adapter of this matrix would be applied, and its larger size.
  void note_adaptable(const std::string& name, int64_t largest) {
    if (adaptable_.empty() || adaptable_.back() != name) adaptable_.push_back(name);
    largest_adaptable_ = std::max(largest_adaptable_, largest);
  }
  const std::vector<std::string>& adaptable() const noexcept { return adaptable_; }
  int64_t largest_adaptable() const noexcept { return largest_adaptable_; }  // 0: there is none

 private:
  Result<const gguf::TensorInfo*> find_matrix(const std::string& name, const tensor::Shape& expected);
  Result<void> check_not_ordered(const std::string& name) const;
  Result<tensor::Tensor> import_rows(const gguf::TensorInfo& info, const tensor::Shape& shape, RowRange rows);
  // The tensor's bytes from `offset` as a tensor of this shape.
  Result<tensor::Tensor> import(const gguf::TensorInfo& info, const tensor::Shape& shape, uint64_t offset);

  tensor::Backend& backend_;
  std::vector<std::string> adaptable_;
  int64_t largest_adaptable_ = 0;
};

}  // namespace hearth::models
