// Writes the hand-made cases of the model fuzzer: make_model_corpus FOLDER.
#include <cstdio>
#include <filesystem>

#include "tests/support/tiny_bert.h"
#include "tests/support/tiny_llama.h"

int main(int argc, char** argv) {
  using hearth::testing::TinyBert;
  using hearth::testing::TinyBertShape;
  using hearth::testing::TinyLlama;
  using hearth::testing::TinyLlamaShape;
  if (argc != 2) {
    std::fprintf(stderr, "usage: make_model_corpus FOLDER\n");
    return 2;
  }
  const TinyLlamaShape dense{.n_layers = 1,
                             .width = 8,
                             .ffn_width = 4,
                             .n_heads = 2,
                             .n_kv_heads = 1,
                             .head_dim = 4,
                             .n_rotated = 4,
                             .context_tokens = 16,
                             .tied = true};
  TinyLlamaShape experts = dense;
  experts.n_experts = 3;
  experts.n_experts_used = 2;
  TinyLlamaShape factors = dense;
  factors.rope_factors = {1.0F, 4.0F};
  const std::filesystem::path folder = argv[1];
  TinyLlama(dense, 1).gguf().write(folder / "dense");
  TinyLlama(experts, 2).gguf().write(folder / "experts");
  TinyLlama(factors, 3).gguf().write(folder / "rope_factors");
  TinyLlama(dense, 4).gguf({"blk.0.attn_v.weight"}).write(folder / "tensor_missing");
  const TinyBertShape bert{.n_layers = 1, .width = 8, .ffn_width = 4, .n_heads = 2, .context_tokens = 8};
  TinyBertShape nomic = bert;
  nomic.nomic = nomic.fused_qkv = true;
  TinyBert(bert, 5).gguf().write(folder / "bert");
  TinyBert(nomic, 6).gguf().write(folder / "nomic_bert");
  return 0;
}
