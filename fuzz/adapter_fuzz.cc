// Adapters from elsewhere, for a small llama. The first byte says in which form: a GGUF file, or PEFT's
// configuration, a NUL, and its safetensors file.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "models/adapter/lora_gguf.h"
#include "models/adapter/lora_peft.h"
#include "models/adapter/merged_checkpoint.h"
#include "tests/support/tiny_llama.h"

namespace {

using namespace hearth;

const models::Checkpoint& base() {
  static const std::string bytes =
      testing::TinyLlama(
          {.width = 16, .ffn_width = 24, .n_heads = 2, .n_kv_heads = 1, .head_dim = 8, .n_rotated = 8}, 1)
          .gguf()
          .build();
  static const models::GgufCheckpoint checkpoint(
      gguf::File::parse(std::as_bytes(std::span(bytes)), "base").value());
  return checkpoint;
}

Result<models::LoraAdapter> read(bool is_peft, std::string_view bytes) {
  if (!is_peft) {
    HEARTH_ASSIGN(const gguf::File file, gguf::File::parse(std::as_bytes(std::span(bytes)), "adapter"));
    return models::read_gguf_adapter(file, base());
  }
  const size_t end = bytes.find('\0');
  if (end == std::string_view::npos) return make_error(ErrorCode::kMalformed, "one part");
  HEARTH_ASSIGN(
      const safetensors::File file,
      safetensors::File::parse(std::as_bytes(std::span(bytes.substr(end + 1))), "adapter_model.safetensors"));
  return models::parse_peft_adapter(bytes.substr(0, end), file, base());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  auto adapter = read(data[0] % 2 == 1, {reinterpret_cast<const char*>(data) + 1, size - 1});
  if (!adapter) {
    HEARTH_CHECK(!adapter.error().message().empty());
    return 0;
  }
  for (const models::LoraMatrix& matrix : adapter->matrices) {
    HEARTH_CHECK(std::ssize(matrix.a) == matrix.rank * matrix.columns);
    HEARTH_CHECK(std::ssize(matrix.b) == matrix.rows * matrix.rank);
  }
  if (!models::check_lora_adapter(*adapter, base())) return 0;
  // What fits is merged.
  const auto merged = models::MergedCheckpoint::create(base(), *adapter, models::MergedType::kF32);
  HEARTH_CHECK(merged.has_value());
  for (const models::LoraMatrix& matrix : adapter->matrices)
    HEARTH_CHECK((*merged)->data(*(*merged)->find_tensor(matrix.weight)).has_value());
  return 0;
}
