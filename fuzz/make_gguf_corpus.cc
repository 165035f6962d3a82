// Writes the hand-made cases of the GGUF fuzzer: make_gguf_corpus FOLDER.
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "tests/support/gguf_writer.h"

namespace hearth::testing {
namespace {

using tensor::DType;

GgufWriter every_value_type(uint32_t version) {
  GgufWriter w(version);
  w.add<uint8_t>("u8", 8).add<int8_t>("i8", -8).add<uint16_t>("u16", 16).add<int16_t>("i16", -16);
  w.add_u32("u32", 32).add_i32("i32", -32).add_u64("u64", 1ULL << 63).add<int64_t>("i64", INT64_MIN);
  w.add_f32("f32", 0.1F)
      .add<double>("f64", 1e300)
      .add_bool("bool", true)
      .add_string("string", "a \"b\" \xff\n");
  w.add_array<uint8_t>("u8s", {1, 2}).add_array<int8_t>("i8s", {-1, 2}).add_array<uint16_t>("u16s", {1, 2});
  w.add_array<int16_t>("i16s", {-1, 2}).add_array<uint32_t>("u32s", {1, 2}).add_array<int32_t>("i32s", {-1});
  w.add_array<uint64_t>("u64s", {~0ULL}).add_array<int64_t>("i64s", {-1}).add_array<float>("f32s", {1, 2});
  w.add_array<double>("f64s", {1e300}).add_array<bool>("bools", {true, false});
  w.add_strings("strings", {"<unk>", "", "\xe2\x96\x81the"}).add_strings("none", {});
  return w;
}

GgufWriter small_model() {
  GgufWriter w;
  w.add_string("general.architecture", "llama").add_u32("llama.block_count", 1).set_alignment(64);
  w.add_tensor("token_embd.weight", {4, 2}, {1, 2, 3, 4, 5, 6, 7, 8});
  w.add_zeros("blk.0.attn_q.weight", {2, 64}, DType::kQ4_0).add_zeros("output_norm.weight", {2}, DType::kF32);
  w.add_zeros("blk.0.ffn_gate_exps.weight", {2, 1, 3, 32}, DType::kQ8_0);
  return w;
}

GgufWriter every_tensor_type() {
  GgufWriter w;
  for (const auto& traits : tensor::all_dtypes()) {
    w.add_zeros(traits.name, {1, traits.block_elements}, traits.dtype);
  }
  return w;
}

void write(const std::filesystem::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

void write_all(const std::filesystem::path& folder) {
  std::filesystem::create_directories(folder);
  write(folder / "every_value_type_v2", every_value_type(2).build());
  write(folder / "every_value_type_v3", every_value_type(3).build());
  write(folder / "small_model", small_model().build());
  write(folder / "every_tensor_type", every_tensor_type().build());
  write(folder / "split_part", small_model().build_split(2)[1]);
  write(folder / "empty", "");
  write(folder / "header_only", GgufBytes().header(0, 0).bytes());
  write(folder / "counts_of_2_64", GgufBytes().header(~0ULL, ~0ULL).bytes());
  write(folder / "wrapping_dims",
        GgufBytes().header(1, 0).tensor("w", {1ULL << 32, 1ULL << 32}, 0, 0).bytes());
  write(folder / "wrapping_quantised_bytes",
        GgufBytes().header(1, 0).tensor("w", {1ULL << 62, 1}, 15, 0).bytes());
  write(folder / "offset_past_end", GgufBytes().header(1, 0).tensor("w", {32}, 0, ~31ULL).pad_to(32).bytes());
  write(folder / "aliasing_tensors", GgufBytes()
                                         .header(2, 0)
                                         .tensor("a", {8}, 0, 0)
                                         .tensor("b", {8}, 0, 0)
                                         .pad_to(32)
                                         .raw(std::string(32, 'x'))
                                         .bytes());
  write(folder / "nested_array",
        GgufBytes().header(0, 1).string("k").u32(9).u32(9).u64(1).u32(9).u64(0).bytes());
  write(folder / "bool_of_2", GgufBytes().header(0, 1).string("k").u32(7).raw("\x02").bytes());
  write(folder / "withdrawn_type",
        GgufBytes().header(1, 0).tensor("w", {32}, 4, 0).pad_to(32).raw(std::string(32, 0)).bytes());
}

}  // namespace
}  // namespace hearth::testing

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: make_gguf_corpus FOLDER\n", stderr);
    return 2;
  }
  hearth::testing::write_all(argv[1]);
  return 0;
}
