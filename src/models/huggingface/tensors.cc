#include "models/huggingface/tensors.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "base/cpu.h"
#include "base/excerpt.h"
#include "models/huggingface/tensor_names.h"
#include "quant/half.h"

namespace hearth::models {
namespace {

using tensor::DType;
using tensor::Shape;

std::optional<DType> computable_type(safetensors::DType dtype) {
  switch (dtype) {
    case safetensors::DType::kF32:
      return DType::kF32;
    case safetensors::DType::kF16:
      return DType::kF16;
    case safetensors::DType::kBF16:
      return DType::kBF16;
    default:
      return std::nullopt;
  }
}

Result<DType> type_of(const safetensors::TensorInfo& stored) {
  if (const auto dtype = computable_type(stored.dtype)) return *dtype;
  return make_error(ErrorCode::kUnsupported, "tensor {}: expected F32, F16 or BF16, found {}",
                    excerpt(stored.name), safetensors::dtype_name(stored.dtype));
}

Result<Shape> shape_of(const safetensors::TensorInfo& stored) {
  const bool fits = stored.shape.size() <= Shape::kMaxRank &&
                    std::ranges::all_of(stored.shape, [](uint64_t dim) { return dim <= INT64_MAX; });
  if (!fits || stored.shape.empty() || stored.data.empty()) {
    return make_error(ErrorCode::kMalformed,
                      "tensor {}: expected 1 to {} dimensions, none of them 0, found {}",
                      excerpt(stored.name), Shape::kMaxRank, safetensors::shape_text(stored.shape));
  }
  Shape shape;
  for (const uint64_t dim : stored.shape) shape.push_back(static_cast<int64_t>(dim));
  return shape;
}

template <typename T, typename ToFloat>
void convert(std::span<const std::byte> from, float add, std::vector<float>& to, ToFloat to_float) {
  to.resize(from.size() / sizeof(T));
  for (size_t i = 0; i < to.size(); ++i) {
    T value;
    std::memcpy(&value, from.data() + i * sizeof(T), sizeof(T));
    to[i] = to_float(value) + add;
  }
}

void convert(const safetensors::TensorInfo& stored, float add, std::vector<float>& to) {
  switch (stored.dtype) {
    case safetensors::DType::kF16:
      return convert<uint16_t>(stored.data, add, to, quant::f16_to_f32);
    case safetensors::DType::kBF16:
      return convert<uint16_t>(stored.data, add, to, quant::bf16_to_f32);
    default:
      return convert<float>(stored.data, add, to, [](float value) { return value; });
  }
}

bool is_packed_part(std::string_view attribute) {
  return attribute == "qweight" || attribute == "qzeros" || attribute == "scales" || attribute == "g_idx";
}

bool is_zero(const safetensors::TensorInfo& stored) {
  return std::ranges::all_of(stored.data, [](std::byte b) { return b == std::byte{0}; });
}

bool has_qkv_bias(const HuggingFaceFamily& family, std::string_view module) {
  return family.architecture == "qwen2" &&
         (module.ends_with(".attn_q") || module.ends_with(".attn_k") || module.ends_with(".attn_v"));
}

bool is_aligned(const safetensors::TensorInfo& stored) {
  return reinterpret_cast<uintptr_t>(stored.data.data()) % (safetensors::dtype_bits(stored.dtype) / 8) == 0;
}

}  // namespace

Result<HuggingFaceTensors> HuggingFaceTensors::of(safetensors::Shards shards, const HuggingFaceFamily& family,
                                                  const Hyperparameters& hyperparameters,
                                                  const std::optional<Packing>& packing) {
  HuggingFaceTensors tensors(std::move(shards));
  if (packing) {
    for (const safetensors::TensorInfo* stored : tensors.shards_.tensors()) {
      if (is_beside_the_text_model(stored->name, family)) continue;
      if (const auto name = gguf_name(stored->name, family)) tensors.take_packed(*name, *stored);
    }
  }
  for (const safetensors::TensorInfo* stored : tensors.shards_.tensors()) {
    HEARTH_TRY(tensors.add(*stored, family, hyperparameters.tied));
  }
  if (packing) HEARTH_TRY(tensors.add_packed(*packing));
  for (const auto& [name, values] : hyperparameters.rope.tables) {
    Source source;
    source.made = values;
    tensors.add(name, DType::kF32, {static_cast<int64_t>(values.size())}, {}, std::move(source));
  }
  HEARTH_TRY(tensors.finish());
  // GGUF leaves the output matrix out where it is the embedding; here its absence has to be meant.
  if (hyperparameters.tied || tensors.find("output.weight") != nullptr) return tensors;
  return make_error(ErrorCode::kMalformed,
                    "tensor lm_head.weight: expected it, since tie_word_embeddings is false, found no such "
                    "tensor");
}

Result<void> HuggingFaceTensors::add(const safetensors::TensorInfo& stored, const HuggingFaceFamily& family,
                                     bool tied) {
  if (is_beside_the_text_model(stored.name, family)) return {};
  const auto name = gguf_name(stored.name, family);
  if (name && is_packed_part(name->attribute) && packed_.contains(name->module)) return {};
  if (!name || (name->attribute != "weight" && name->attribute != "bias")) {
    return make_error(ErrorCode::kUnsupported,
                      "tensor {} has no place in {} as Hearth knows it; without it the model would answer "
                      "wrongly",
                      excerpt(stored.name), family.class_name);
  }
  // Some write the embedding twice.
  if (tied && name->module == "output") return {};
  const std::string full = fmt::format("{}.{}", name->module, name->attribute);
  if (stored.shape.size() != 1) return add_matrix(full, stored);
  // Packers write biases of zeros where the model has none.
  const bool may_be_none = name->attribute == "bias" && packed_.contains(name->module) && is_zero(stored);
  if (may_be_none && !has_qkv_bias(family, name->module)) return {};
  const bool is_norm = name->module.ends_with("_norm");
  return add_vector(full, stored, is_norm && family.norms_add_one ? 1.0F : 0.0F);
}

bool HuggingFaceTensors::take_packed(const TensorName& name, const safetensors::TensorInfo& stored) {
  if (!is_packed_part(name.attribute)) return false;
  PackedTensors& tensors = packed_[name.module];
  const safetensors::TensorInfo*& part = name.attribute == "qweight"  ? tensors.qweight
                                         : name.attribute == "qzeros" ? tensors.qzeros
                                         : name.attribute == "scales" ? tensors.scales
                                                                      : tensors.g_idx;
  part = &stored;
  return true;
}

Result<void> HuggingFaceTensors::add_packed(const Packing& packing) {
  for (const auto& [module, tensors] : packed_) {
    HEARTH_ASSIGN(PackedMatrix matrix, PackedMatrix::of(module, tensors, packing));
    Source source;
    const Shape shape{matrix.rows(), matrix.columns()};
    const DType dtype = matrix.dtype();
    source.packed.emplace(std::move(matrix));
    add(fmt::format("{}.weight", module), dtype, shape, {}, std::move(source));
  }
  return {};
}

Result<void> HuggingFaceTensors::add_vector(std::string name, const safetensors::TensorInfo& stored,
                                            float add) {
  HEARTH_TRY(type_of(stored));
  HEARTH_ASSIGN(const Shape shape, shape_of(stored));
  Source source;
  source.stored = &stored;
  source.add = add;
  this->add(std::move(name), DType::kF32, shape, {}, std::move(source));
  return {};
}

Result<void> HuggingFaceTensors::add_matrix(std::string name, const safetensors::TensorInfo& stored) {
  HEARTH_ASSIGN(const DType dtype, type_of(stored));
  HEARTH_ASSIGN(const Shape shape, shape_of(stored));
  Source source;
  source.stored = &stored;
  if (is_aligned(stored)) {
    add(std::move(name), dtype, shape, stored.data, std::move(source));
  } else {
    add(std::move(name), DType::kF32, shape, {}, std::move(source));
  }
  return {};
}

void HuggingFaceTensors::add(std::string name, DType dtype, const Shape& shape,
                             std::span<const std::byte> data, Source source) {
  const auto n_rows = static_cast<uint64_t>(shape.n_elements() / shape.back());
  const uint64_t size_bytes = n_rows * *tensor::row_bytes(dtype, static_cast<uint64_t>(shape.back()));
  infos_.push_back({names_.emplace_back(std::move(name)), dtype, shape, size_bytes, data});
  sources_.push_back(std::move(source));
}

Result<void> HuggingFaceTensors::finish() {
  by_name_ = index_by_name(infos_, &gguf::TensorInfo::name);
  const auto twice = find_duplicate(infos_, by_name_, &gguf::TensorInfo::name);
  if (!twice) return {};
  return make_error(ErrorCode::kMalformed, "tensor {}: expected once, found it under two names", *twice);
}

const gguf::TensorInfo* HuggingFaceTensors::find(std::string_view name) const noexcept {
  return find_by_name(infos_, by_name_, &gguf::TensorInfo::name, name);
}

std::span<const int32_t> HuggingFaceTensors::column_order(std::string_view name) const noexcept {
  const gguf::TensorInfo* info = find(name);
  if (info == nullptr) return {};
  const Source& source = sources_[static_cast<size_t>(info - infos_.data())];
  return source.packed ? std::span(source.packed->order()) : std::span<const int32_t>();
}

Result<std::span<const std::byte>> HuggingFaceTensors::data(const gguf::TensorInfo& info) {
  if (!info.data.empty()) return info.data;
  Source& source = sources_[static_cast<size_t>(&info - infos_.data())];
  if (source.packed) return unpack(info, source);
  if (source.made.empty()) convert(*source.stored, source.add, source.made);
  return std::as_bytes(std::span(source.made));
}

Result<std::span<const std::byte>> HuggingFaceTensors::unpack(const gguf::TensorInfo& info, Source& source) {
  const size_t size_bytes = info.size_bytes;
  if (source.blocks == nullptr) {
    source.blocks.reset(new (std::nothrow) std::byte[size_bytes]);
    if (source.blocks == nullptr) {
      return make_error(ErrorCode::kResourceExhausted, "tensor {}: cannot allocate {} bytes of memory",
                        info.name, size_bytes);
    }
    if (pool_ == nullptr) pool_ = std::make_unique<ThreadPool>(physical_core_count());
    source.packed->unpack(*pool_, {source.blocks.get(), size_bytes});
    source.packed->release();
  }
  return std::span<const std::byte>(source.blocks.get(), size_bytes);
}

}  // namespace hearth::models
