// Writes a GGUF model as the Hugging Face folder that it could have been converted from. Written from the
// configurations and tensor names that transformers' classes have; shares nothing with the code under test.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "formats/gguf/gguf.h"

namespace hearth::testing {

struct HuggingFaceTensor {
  std::string name;
  std::string dtype;
  std::vector<int64_t> shape;
  std::string data;
};

struct HuggingFaceModel {
  nlohmann::json config;
  std::vector<HuggingFaceTensor> tensors;

  HuggingFaceTensor& at(const std::string& name);
};

// Of llama, qwen2, qwen3, gemma3 or phi3, with matrices of any plain type.
HuggingFaceModel as_huggingface(const gguf::File& file);

// config.json and model.safetensors, or so many shards with their index, into an existing folder.
void write_folder(const HuggingFaceModel& model, const std::filesystem::path& folder, size_t n_shards = 1);

// A tokenizer.json: byte-level BPE without merges, of <unk>, <s>, </s>, the printable characters of ASCII and
// the space.
std::string byte_level_tokenizer_json();

}  // namespace hearth::testing
