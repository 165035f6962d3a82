// The weights of a model small enough to write in a test: random, stored in any type, and the products with
// them in float64.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tensor/tensor.h"
#include "tests/support/gguf_writer.h"

namespace hearth::testing {

// How matrices are stored: their type, the bytes of values, and the values that those bytes stand for.
struct MatrixCodec {
  tensor::DType dtype;
  std::function<std::string(std::span<const float>)> encode;
  std::function<std::vector<float>(std::string_view)> decode;

  static MatrixCodec f32();
  // Of a type that can be quantised to.
  static MatrixCodec quantized(tensor::DType dtype);
};

class RandomWeights {
 public:
  RandomWeights(uint32_t seed, const MatrixCodec& codec);

  // Values of a deviation that keeps products as large as what is multiplied.
  void add_matrix(const std::string& name, const tensor::Shape& shape);
  // F32, near `mean`.
  void add_vector(const std::string& name, int64_t length, float mean = 1.0F);

  // Adds the tensors in their order, but for `without`.
  void write(GgufWriter& writer, const std::set<std::string>& without) const;

  const tensor::Shape& shape(const std::string& name) const { return matrices_.at(name).shape; }
  const std::vector<float>& matrix(const std::string& name) const { return matrices_.at(name).values; }
  const std::vector<float>& vector(const std::string& name) const { return vectors_.at(name); }
  bool has(const std::string& name) const { return matrices_.contains(name) || vectors_.contains(name); }

  // Row `row` of a matrix.
  std::vector<double> row(const std::string& name, int64_t row) const;
  // A matrix, or one of a stack of them, times x.
  std::vector<double> matvec(const std::string& name, std::span<const double> x, int64_t expert = 0) const;

 private:
  struct Matrix {
    tensor::Shape shape;
    std::string bytes;
    std::vector<float> values;
  };

  float next_normal();

  const MatrixCodec codec_;
  uint32_t random_;
  std::vector<std::string> order_;
  std::map<std::string, Matrix> matrices_;
  std::map<std::string, std::vector<float>> vectors_;
};

// In place, in float64.
void softmax(std::vector<double>& x);

}  // namespace hearth::testing
