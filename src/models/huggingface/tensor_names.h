// Hugging Face's names of tensors and GGUF's.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "models/huggingface/hyperparameters.h"

namespace hearth::models {

struct TensorName {
  std::string module;     // GGUF's, "blk.3.attn_q"
  std::string attribute;  // what follows it in the file: "weight", "bias", "qweight"
};

// "model.layers.3.self_attn.q_proj.weight" -> {"blk.3.attn_q", "weight"}; nothing for a name that has no
// place in the family.
std::optional<TensorName> gguf_name(std::string_view name, const HuggingFaceFamily& family);

// Tensors that hold no weights of the text model: an encoder of images and what joins it to the text model,
// and frequencies that follow from the configuration.
bool is_beside_the_text_model(std::string_view name, const HuggingFaceFamily& family);

}  // namespace hearth::models
