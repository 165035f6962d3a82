#include "tests/support/random_weights.h"

#include <algorithm>
#include <cmath>

#include "quant/quant.h"

namespace hearth::testing {

MatrixCodec MatrixCodec::quantized(tensor::DType dtype) {
  return {dtype,
          [dtype](std::span<const float> values) {
            std::string bytes(*tensor::row_bytes(dtype, values.size()), '\0');
            quant::quantize_row(dtype, values.data(), bytes.data(), static_cast<int64_t>(values.size()));
            return bytes;
          },
          [dtype](std::string_view bytes) {
            const tensor::DTypeTraits& traits = tensor::dtype_traits(dtype);
            std::vector<float> values(bytes.size() / traits.block_bytes * traits.block_elements);
            quant::dequantize_row(dtype, bytes.data(), values.data(), static_cast<int64_t>(values.size()));
            return values;
          }};
}

MatrixCodec MatrixCodec::f32() {
  return {tensor::DType::kF32,
          [](std::span<const float> values) {
            return std::string(reinterpret_cast<const char*>(values.data()), values.size_bytes());
          },
          [](std::string_view bytes) {
            std::vector<float> values(bytes.size() / sizeof(float));
            std::copy_n(bytes.data(), bytes.size(), reinterpret_cast<char*>(values.data()));
            return values;
          }};
}

RandomWeights::RandomWeights(uint32_t seed, const MatrixCodec& codec)
    : codec_(codec), random_(seed * 2654435761U + 12345U) {}

// Near enough to normal: the sum of four uniform numbers.
float RandomWeights::next_normal() {
  double sum = 0;
  for (int i = 0; i < 4; ++i) {
    random_ = random_ * 1664525U + 1013904223U;
    sum += static_cast<double>(random_ >> 8) / (1 << 24) - 0.5;
  }
  return static_cast<float>(sum * 1.7);
}

void RandomWeights::add_matrix(const std::string& name, const tensor::Shape& shape) {
  std::vector<float> values(static_cast<size_t>(shape.n_elements()));
  const double scale = 1.5 / std::sqrt(static_cast<double>(shape.back()));
  for (float& v : values) v = static_cast<float>(next_normal() * scale);
  Matrix matrix{shape, codec_.encode(values), {}};
  matrix.values = codec_.decode(matrix.bytes);
  matrices_.emplace(name, std::move(matrix));
  order_.push_back(name);
}

void RandomWeights::add_vector(const std::string& name, int64_t length, float mean) {
  std::vector<float> values(static_cast<size_t>(length));
  for (float& v : values) v = mean + 0.2F * next_normal();
  vectors_.emplace(name, std::move(values));
  order_.push_back(name);
}

void RandomWeights::write(GgufWriter& writer, const std::set<std::string>& without) const {
  for (const std::string& name : order_) {
    if (without.contains(name)) continue;
    if (const auto matrix = matrices_.find(name); matrix != matrices_.end()) {
      writer.add_tensor(name, matrix->second.shape, codec_.dtype, matrix->second.bytes);
    } else {
      const std::vector<float>& values = vectors_.at(name);
      writer.add_tensor(name, {static_cast<int64_t>(values.size())}, values);
    }
  }
}

std::vector<double> RandomWeights::row(const std::string& name, int64_t row) const {
  const Matrix& matrix = matrices_.at(name);
  const auto width = matrix.shape.back();
  const float* values = matrix.values.data() + row * width;
  return {values, values + width};
}

std::vector<double> RandomWeights::matvec(const std::string& name, std::span<const double> x,
                                          int64_t expert) const {
  const Matrix& w = matrices_.at(name);
  const int64_t n_rows = w.shape[w.shape.rank() - 2];
  const int64_t n_columns = w.shape.back();
  const float* row = w.values.data() + expert * n_rows * n_columns;
  std::vector<double> out(static_cast<size_t>(n_rows));
  for (double& sum : out) {
    for (int64_t i = 0; i < n_columns; ++i) sum += static_cast<double>(row[i]) * x[static_cast<size_t>(i)];
    row += n_columns;
  }
  return out;
}

void softmax(std::vector<double>& x) {
  const double max = *std::max_element(x.begin(), x.end());
  double sum = 0;
  for (double& v : x) sum += v = std::exp(v - max);
  for (double& v : x) v /= sum;
}

}  // namespace hearth::testing
