#include "models/huggingface/packing.h"

#include <algorithm>
#include <array>

namespace hearth::models {
namespace {

std::string lower(std::string text) {
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return text;
}

// Under one of two names.
Result<std::optional<uint32_t>> count(const HuggingFaceConfig& config, std::string_view name,
                                      std::string_view other) {
  HEARTH_ASSIGN(const std::optional<uint32_t> value, config.count(name));
  HEARTH_ASSIGN(const std::optional<uint32_t> old, config.count(other));
  return value ? value : old;
}

Result<int64_t> read_group_size(const HuggingFaceConfig& config) {
  constexpr std::array<std::string_view, 2> kNames{"group_size", "q_group_size"};
  for (const std::string_view name : kNames) {
    HEARTH_ASSIGN(const std::optional<double> size, config.number(name));
    if (!size) continue;
    if (*size == -1) return -1;
    const bool is_blocks = *size >= 32 && *size <= INT32_MAX && static_cast<int64_t>(*size) % 32 == 0;
    if (is_blocks && *size == static_cast<double>(static_cast<int64_t>(*size)))
      return static_cast<int64_t>(*size);
    return config.unsupported(name, "-1 or a multiple of 32");
  }
  return make_error(ErrorCode::kMalformed, "quantization: group_size: expected a number, found no such key");
}

// Both methods' ways to say what has no influence on the stored values.
void ignore_calibration(const HuggingFaceConfig& config) {
  config.ignore({"sym",
                 "true_sequential",
                 "static_groups",
                 "damp_percent",
                 "damp_auto_increment",
                 "mse",
                 "meta",
                 "quantizer",
                 "model_name_or_path",
                 "model_file_base_name",
                 "model_seqlen",
                 "dataset",
                 "tokenizer",
                 "block_name_to_quantize",
                 "module_name_preceding_first_block",
                 "batch_size",
                 "pad_token_id",
                 "use_exllama",
                 "disable_exllama",
                 "exllama_config",
                 "max_input_length",
                 "use_cuda_fp16",
                 "cache_block_outputs",
                 "lm_head",
                 "modules_in_block_to_quantize",
                 "modules_to_not_convert",
                 "do_fuse",
                 "fuse_max_seq_len",
                 "modules_to_fuse",
                 "backend",
                 "uncompressed_model_size",
                 "_commit_hash",
                 "offload_to_disk",
                 "quant_type",
                 "desc_act",
                 "adapter",
                 "rotation"});
}

Result<Packing> read_gptq(const HuggingFaceConfig& config) {
  Packing packing;
  HEARTH_ASSIGN(packing.bits, config.required_count("bits"));
  constexpr std::array<uint32_t, 4> kBits{2, 3, 4, 8};
  if (std::ranges::find(kBits, packing.bits) == kBits.end())
    return config.unsupported("bits", "2, 3, 4 or 8");
  HEARTH_ASSIGN(const std::string format, config.text("checkpoint_format", "gptq"));
  if (format != "gptq" && format != "gptq_v2") {
    return config.unsupported("checkpoint_format", "gptq or gptq_v2");
  }
  packing.zeros_less_one = format == "gptq";
  HEARTH_TRY(config.expect("format", format));
  HEARTH_TRY(config.expect("is_marlin_format", false));
  HEARTH_TRY(config.expect("pack_dtype", "int32"));
  HEARTH_TRY(config.expect("dynamic", nlohmann::json::object()));
  return packing;
}

Result<Packing> read_awq(const HuggingFaceConfig& config) {
  Packing packing;
  packing.method = Packing::Method::kAwq;
  HEARTH_ASSIGN(const std::optional<uint32_t> bits, count(config, "bits", "w_bit"));
  if (bits != 4U) return config.unsupported(config.has("w_bit") ? "w_bit" : "bits", "4");
  packing.zeros_less_one = false;
  HEARTH_ASSIGN(const std::string version, config.text("version", "gemm"));
  if (lower(version) != "gemm") return config.unsupported("version", "gemm");
  HEARTH_TRY(config.expect("zero_point", true));
  return packing;
}

}  // namespace

Result<Packing> read_packing(const HuggingFaceConfig& config, std::string_view method) {
  HEARTH_ASSIGN(const std::string found, config.text("quant_method", method));
  const bool is_awq = found == "awq";
  if (!is_awq && found != "gptq") return config.unsupported("quant_method", "gptq or awq");
  auto packing = is_awq ? read_awq(config) : read_gptq(config);
  if (!packing) return packing;
  HEARTH_ASSIGN(packing->group_size, read_group_size(config));
  ignore_calibration(config);
  HEARTH_TRY(config.check_all_known());
  return packing;
}

}  // namespace hearth::models
