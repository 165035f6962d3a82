#include "tests/support/huggingface_folder.h"

#include <cstring>
#include <stdexcept>

#include "tests/support/safetensors_writer.h"

namespace hearth::testing {
namespace {

using nlohmann::json;

class Converter {
 public:
  explicit Converter(const gguf::File& file)
      : file_(file), architecture_(*file.string("general.architecture")) {}

  HuggingFaceModel convert() {
    model_.config = config();
    for (const gguf::TensorInfo& tensor : file_.tensors()) add(tensor);
    model_.config["tie_word_embeddings"] = file_.find_tensor("output.weight") == nullptr;
    return std::move(model_);
  }

 private:
  uint64_t count(const std::string& key) const { return *file_.u64(architecture_ + "." + key); }
  double number(const std::string& key) const { return *file_.f64(architecture_ + "." + key); }
  bool has(const std::string& key) const { return file_.find(architecture_ + "." + key) != nullptr; }

  json config() const {
    json c;
    c["hidden_size"] = count("embedding_length");
    c["intermediate_size"] = count("feed_forward_length");
    c["num_hidden_layers"] = count("block_count");
    c["num_attention_heads"] = count("attention.head_count");
    c["num_key_value_heads"] = count("attention.head_count_kv");
    c["head_dim"] = count("attention.key_length");
    c["max_position_embeddings"] = count("context_length");
    c["vocab_size"] = count("vocab_size");
    c["rms_norm_eps"] = number("attention.layer_norm_rms_epsilon");
    c["rope_theta"] = number("rope.freq_base");
    c["rope_scaling"] = rope_scaling();
    c["torch_dtype"] = "float16";
    c["use_cache"] = true;
    c["bos_token_id"] = 1;
    c["eos_token_id"] = 2;
    if (architecture_ == "llama") add_class(c, "LlamaForCausalLM", "llama");
    if (architecture_ == "qwen2") add_class(c, "Qwen2ForCausalLM", "qwen2");
    if (architecture_ == "qwen3") add_class(c, "Qwen3ForCausalLM", "qwen3");
    if (architecture_ == "phi3") add_class(c, "Phi3ForCausalLM", "phi3");
    if (architecture_ != "gemma3") {
      c["hidden_act"] = "silu";
      return c;
    }
    add_class(c, "Gemma3ForCausalLM", "gemma3_text");
    c["hidden_activation"] = "gelu_pytorch_tanh";
    c["sliding_window"] = count("attention.sliding_window");
    c["sliding_window_pattern"] = 6;
    c["rope_local_base_freq"] = 10000.0;
    c["query_pre_attn_scalar"] = count("attention.key_length");
    c["attn_logit_softcapping"] = nullptr;
    return c;
  }

  static void add_class(json& c, const char* name, const char* type) {
    c["architectures"] = {name};
    c["model_type"] = type;
  }

  json rope_scaling() const {
    if (has("rope.scaling.type")) {
      return {{"rope_type", *file_.string(architecture_ + ".rope.scaling.type")},
              {"factor", number("rope.scaling.factor")},
              {"original_max_position_embeddings", count("rope.scaling.original_context_length")}};
    }
    const gguf::TensorInfo* factors = file_.find_tensor("rope_freqs.weight");
    if (factors == nullptr) return nullptr;
    // The golden divisors follow no formula: LongRoPE with one table is what can say any.
    std::vector<float> values(factors->data.size() / sizeof(float));
    std::memcpy(values.data(), factors->data.data(), factors->data.size());
    return {{"rope_type", "longrope"}, {"short_factor", values}, {"long_factor", values}};
  }

  std::string layer_part(const std::string& part) const {
    const bool is_gemma3 = architecture_ == "gemma3";
    const std::map<std::string, std::string> names{
        {"attn_q", "self_attn.q_proj"},
        {"attn_k", "self_attn.k_proj"},
        {"attn_v", "self_attn.v_proj"},
        {"attn_output", "self_attn.o_proj"},
        {"attn_qkv", "self_attn.qkv_proj"},
        {"attn_q_norm", "self_attn.q_norm"},
        {"attn_k_norm", "self_attn.k_norm"},
        {"ffn_gate", "mlp.gate_proj"},
        {"ffn_up", architecture_ == "phi3" ? "mlp.gate_up_proj" : "mlp.up_proj"},
        {"ffn_down", "mlp.down_proj"},
        {"attn_norm", "input_layernorm"},
        {"ffn_norm", is_gemma3 ? "pre_feedforward_layernorm" : "post_attention_layernorm"},
        {"post_attention_norm", "post_attention_layernorm"},
        {"post_ffw_norm", "post_feedforward_layernorm"},
    };
    return names.at(part);
  }

  std::string name_of(const std::string& name) const {
    if (name == "token_embd.weight") return "model.embed_tokens.weight";
    if (name == "output_norm.weight") return "model.norm.weight";
    if (name == "output.weight") return "lm_head.weight";
    const size_t layer = name.find('.') + 1;
    const size_t part = name.find('.', layer) + 1;
    const size_t attribute = name.rfind('.');
    return "model.layers." + name.substr(layer, part - layer) +
           layer_part(name.substr(part, attribute - part)) + name.substr(attribute);
  }

  // GGUF's llama has pairs of a head's rows side by side, Hugging Face's the first halves before the second.
  std::string unpermuted(const gguf::TensorInfo& tensor, uint64_t n_heads) const {
    const auto rows = static_cast<size_t>(tensor.shape[0]);
    const size_t row_bytes = tensor.data.size() / rows;
    const size_t head_dim = rows / n_heads;
    std::string out(tensor.data.size(), '\0');
    for (size_t h = 0; h < n_heads; ++h) {
      for (size_t i = 0; i < head_dim / 2; ++i) {
        for (size_t j = 0; j < 2; ++j) {
          const size_t from = h * head_dim + 2 * i + j;
          const size_t to = h * head_dim + j * (head_dim / 2) + i;
          std::memcpy(out.data() + to * row_bytes, tensor.data.data() + from * row_bytes, row_bytes);
        }
      }
    }
    return out;
  }

  static std::string less_one(const gguf::TensorInfo& tensor) {
    std::vector<float> values(tensor.data.size() / sizeof(float));
    std::memcpy(values.data(), tensor.data.data(), tensor.data.size());
    for (float& value : values) value -= 1.0F;
    return bytes_of(values);
  }

  std::string data_of(const gguf::TensorInfo& tensor) const {
    const std::string name(tensor.name);
    const auto contains = [&](const char* part) { return name.find(part) != std::string::npos; };
    if (architecture_ == "llama" && contains("attn_q."))
      return unpermuted(tensor, count("attention.head_count"));
    if (architecture_ == "llama" && contains("attn_k.")) {
      return unpermuted(tensor, count("attention.head_count_kv"));
    }
    if (architecture_ == "gemma3" && contains("norm.")) return less_one(tensor);
    return {reinterpret_cast<const char*>(tensor.data.data()), tensor.data.size()};
  }

  void add(const gguf::TensorInfo& tensor) {
    if (tensor.name == "rope_freqs.weight") return;
    HuggingFaceTensor out;
    out.name = name_of(std::string(tensor.name));
    out.dtype = tensor::dtype_name(tensor.dtype);
    for (size_t i = 0; i < tensor.shape.rank(); ++i) out.shape.push_back(tensor.shape[i]);
    out.data = data_of(tensor);
    model_.tensors.push_back(std::move(out));
  }

  const gguf::File& file_;
  const std::string architecture_;
  HuggingFaceModel model_;
};

}  // namespace

HuggingFaceTensor& HuggingFaceModel::at(const std::string& name) {
  for (HuggingFaceTensor& tensor : tensors) {
    if (tensor.name == name) return tensor;
  }
  throw std::out_of_range(name);
}

HuggingFaceModel as_huggingface(const gguf::File& file) {
  return Converter(file).convert();
}

void write_folder(const HuggingFaceModel& model, const std::filesystem::path& folder, size_t n_shards) {
  write_file(folder / "config.json", model.config.dump(2));
  std::vector<SafetensorsWriter> writers(n_shards);
  json index;
  for (size_t i = 0; i < model.tensors.size(); ++i) {
    const HuggingFaceTensor& tensor = model.tensors[i];
    const size_t shard = i % n_shards;
    writers[shard].add(tensor.name, tensor.dtype, tensor.shape, tensor.data);
    index["weight_map"][tensor.name] =
        "model-0000" + std::to_string(shard + 1) + "-of-0000" + std::to_string(n_shards) + ".safetensors";
  }
  if (n_shards == 1) return write_file(folder / "model.safetensors", writers[0].build());
  write_file(folder / "model.safetensors.index.json", index.dump());
  for (size_t i = 0; i < n_shards; ++i) {
    write_file(folder / ("model-0000" + std::to_string(i + 1) + "-of-0000" + std::to_string(n_shards) +
                         ".safetensors"),
               writers[i].build());
  }
}

std::string byte_level_tokenizer_json() {
  json vocabulary;
  json added = json::array();
  for (const char* token : {"<unk>", "<s>", "</s>"}) {
    const size_t id = vocabulary.size();
    vocabulary[token] = id;
    added.push_back({{"id", id},
                     {"content", token},
                     {"special", true},
                     {"single_word", false},
                     {"lstrip", false},
                     {"rstrip", false},
                     {"normalized", false}});
  }
  for (char c = '!'; c <= '~'; ++c) {
    const size_t id = vocabulary.size();
    vocabulary[std::string(1, c)] = id;
  }
  const size_t space = vocabulary.size();
  vocabulary["\u0120"] = space;
  const json byte_level{
      {"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", true}};
  return json{{"version", "1.0"},
              {"truncation", nullptr},
              {"padding", nullptr},
              {"added_tokens", added},
              {"normalizer", nullptr},
              {"pre_tokenizer", byte_level},
              {"post_processor", nullptr},
              {"decoder", byte_level},
              {"model",
               {{"type", "BPE"},
                {"dropout", nullptr},
                {"unk_token", nullptr},
                {"continuing_subword_prefix", nullptr},
                {"end_of_word_suffix", nullptr},
                {"fuse_unk", false},
                {"byte_fallback", false},
                {"vocab", vocabulary},
                {"merges", json::array()}}}}
      .dump();
}

}  // namespace hearth::testing
