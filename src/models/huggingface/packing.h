// How GPTQ and AWQ checkpoints pack their weights, as their configuration says it. Layout:
// docs/formats/gptq_awq.md.
#pragma once

#include <cstdint>
#include <optional>

#include "base/result.h"
#include "models/huggingface/config.h"

namespace hearth::models {

struct Packing {
  enum class Method { kGptq, kAwq };

  Method method = Method::kGptq;
  uint32_t bits = 4;           // 2, 3, 4 or 8; AWQ: 4
  int64_t group_size = 128;    // rows of the input that share scale and zero; -1: all
  bool zeros_less_one = true;  // GPTQ's first format stores zero - 1, modulo 2^bits
};

// `config` is quantization_config of config.json, or a quantize_config.json (GPTQ) or quant_config.json
// (AWQ), which say no method: `method` is theirs. kUnsupported, naming key and value, for methods, versions
// and options that Hearth does not read.
Result<Packing> read_packing(const HuggingFaceConfig& config, std::string_view method);

}  // namespace hearth::models
