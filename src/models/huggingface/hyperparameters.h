// What config.json says of an architecture, in GGUF's terms.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "models/huggingface/config.h"
#include "models/huggingface/key_values.h"
#include "models/huggingface/rope_scaling.h"

namespace hearth::models {

// How a family writes down what differs between families.
struct HuggingFaceFamily {
  std::string_view class_name;    // architectures[0]
  std::string_view architecture;  // GGUF's
  bool norms_add_one = false;     // the weights of norms are stored less one
  bool nested = false;            // the text model is text_config
  bool tied_by_default = false;   // tie_word_embeddings, where it is absent
};
std::span<const HuggingFaceFamily> huggingface_families() noexcept;

// By architectures[0]. kUnsupported, naming it, where Hearth does not know it.
Result<const HuggingFaceFamily*> find_huggingface_family(const HuggingFaceConfig& config);

struct Hyperparameters {
  uint32_t vocabulary_size = 0;  // rows of the embedding
  bool tied = false;             // the output matrix is the embedding
  RopeOutput rope;
};

// Adds the architecture's keys to `metadata`. `config` is the text model's. Errors: kMalformed, kUnsupported
// naming key and value of an option that Hearth does not compute or does not know.
Result<Hyperparameters> read_hyperparameters(const HuggingFaceConfig& config, const HuggingFaceFamily& family,
                                             OwnedMetadata& metadata);

}  // namespace hearth::models
