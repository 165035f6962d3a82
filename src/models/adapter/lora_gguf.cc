#include "models/adapter/lora_gguf.h"

#include <algorithm>

#include "base/check.h"
#include "base/excerpt.h"
#include "base/output_file.h"
#include "formats/gguf/writer.h"
#include "quant/quant.h"

namespace hearth::models {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSuffixA = ".lora_a";
constexpr std::string_view kSuffixB = ".lora_b";

Result<void> check_kind(const gguf::File& file, const Checkpoint& base) {
  const auto expect = [&](std::string_view key, std::string_view expected) -> Result<void> {
    HEARTH_ASSIGN(const std::string_view found, file.string_or(key, "nothing"));
    if (found == expected) return {};
    return make_error(ErrorCode::kUnsupported, "{}: metadata {}: expected {}, found {}", file.name(), key,
                      expected, quoted_excerpt(found));
  };
  HEARTH_TRY(expect("general.type", "adapter"));
  HEARTH_TRY(expect("adapter.type", "lora"));
  if (file.find("adapter.alora.invocation_tokens") != nullptr) {
    return make_error(ErrorCode::kUnsupported,
                      "{}: expected an adapter of whole sequences, found one that begins with certain tokens "
                      "(adapter.alora.invocation_tokens)",
                      file.name());
  }
  HEARTH_ASSIGN(const std::string_view architecture, base.string("general.architecture"));
  return expect("general.architecture", architecture);
}

Result<std::vector<float>> read_values(const gguf::File& file, const gguf::TensorInfo& tensor) {
  const tensor::DType dtype = tensor.dtype;
  if (dtype != tensor::DType::kF32 && dtype != tensor::DType::kF16 && dtype != tensor::DType::kBF16) {
    return make_error(ErrorCode::kUnsupported, "{}: tensor {}: expected F32, F16 or BF16, found {}",
                      file.name(), excerpt(tensor.name), tensor::dtype_name(dtype));
  }
  std::vector<float> values(static_cast<size_t>(tensor.shape.n_elements()));
  quant::dequantize_row(dtype, tensor.data.data(), values.data(), tensor.shape.n_elements());
  return values;
}

Result<LoraMatrix> read_matrix(const gguf::File& file, const gguf::TensorInfo& a, double alpha) {
  const std::string weight(a.name.substr(0, a.name.size() - kSuffixA.size()));
  const gguf::TensorInfo* const b = file.find_tensor(weight + std::string(kSuffixB));
  if (b == nullptr) {
    return make_error(ErrorCode::kMalformed, "{}: expected a tensor {}{} beside {}, found none", file.name(),
                      excerpt(weight), kSuffixB, excerpt(a.name));
  }
  if (a.shape.rank() != 2 || b->shape.rank() != 2 || a.shape[0] != b->shape[1] || a.shape[0] == 0) {
    return make_error(ErrorCode::kMalformed,
                      "{}: {}: expected A [rank, columns] and B [rows, rank], found {} and {}", file.name(),
                      excerpt(weight), a.shape.to_string(), b->shape.to_string());
  }
  LoraMatrix matrix;
  matrix.weight = weight;
  matrix.rank = a.shape[0];
  matrix.rows = b->shape[0];
  matrix.columns = a.shape[1];
  matrix.scale = static_cast<float>(alpha / static_cast<double>(matrix.rank));
  HEARTH_ASSIGN(matrix.a, read_values(file, a));
  HEARTH_ASSIGN(matrix.b, read_values(file, *b));
  return matrix;
}

}  // namespace

Result<LoraAdapter> read_gguf_adapter(const fs::path& path, const Checkpoint& base) {
  HEARTH_ASSIGN(const gguf::File file, gguf::File::open(path));
  return read_gguf_adapter(file, base);
}

Result<LoraAdapter> read_gguf_adapter(const gguf::File& file, const Checkpoint& base) {
  HEARTH_TRY(check_kind(file, base));
  HEARTH_ASSIGN(const double alpha, file.f64("adapter.lora.alpha"));
  LoraAdapter adapter{file.name(), {}};
  for (const gguf::TensorInfo& tensor : file.tensors()) {
    if (tensor.name.ends_with(kSuffixA)) {
      HEARTH_ASSIGN(LoraMatrix matrix, read_matrix(file, tensor, alpha));
      adapter.matrices.push_back(std::move(matrix));
    } else if (!tensor.name.ends_with(kSuffixB)) {
      return make_error(ErrorCode::kUnsupported, "{}: expected tensors WEIGHT{} and WEIGHT{}, found {}",
                        file.name(), kSuffixA, kSuffixB, excerpt(tensor.name));
    }
  }
  if (file.tensors().size() != 2 * adapter.matrices.size()) {
    return make_error(ErrorCode::kMalformed, "{}: expected as many {} as {}, found {} of {} tensors",
                      file.name(), kSuffixA, kSuffixB, adapter.matrices.size(), file.tensors().size());
  }
  std::sort(adapter.matrices.begin(), adapter.matrices.end(),
            [](const LoraMatrix& one, const LoraMatrix& other) { return one.weight < other.weight; });
  return adapter;
}

Result<void> write_gguf_adapter(const fs::path& path, const LoraAdapter& adapter,
                                std::string_view architecture) {
  HEARTH_CHECK(!adapter.matrices.empty());
  const auto alpha_of = [](const LoraMatrix& matrix) {
    return matrix.scale * static_cast<float>(matrix.rank);
  };
  gguf::FileDraft draft;
  draft.set_string("general.architecture", architecture);
  draft.set_string("general.type", "adapter");
  draft.set_string("adapter.type", "lora");
  draft.set_number<float>("adapter.lora.alpha", alpha_of(adapter.matrices.front()));
  for (const LoraMatrix& matrix : adapter.matrices) {
    HEARTH_CHECK(alpha_of(matrix) == alpha_of(adapter.matrices.front()));
    draft.add_tensor(matrix.weight + std::string(kSuffixA), tensor::DType::kF32,
                     {matrix.rank, matrix.columns});
    draft.add_tensor(matrix.weight + std::string(kSuffixB), tensor::DType::kF32, {matrix.rows, matrix.rank});
  }
  HEARTH_ASSIGN(OutputFile file, OutputFile::create(path, OutputFile::Existing::kReplace));
  HEARTH_ASSIGN(gguf::Writer writer, gguf::Writer::begin(draft, [&](std::span<const std::byte> bytes) {
                  return file.append(bytes);
                }));
  for (const LoraMatrix& matrix : adapter.matrices) {
    HEARTH_TRY(writer.append(std::as_bytes(std::span(matrix.a))));
    HEARTH_TRY(writer.append(std::as_bytes(std::span(matrix.b))));
  }
  HEARTH_TRY(writer.finish());
  return file.finish();
}

}  // namespace hearth::models
