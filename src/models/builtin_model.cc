#include "models/builtin_model.h"

// The file's bytes, where nobody writes; what is not read of them is not loaded. Pages begin with it, so that
// tensors lie as they do in a mapped file.
__asm__(
    ".pushsection .rodata.hearth_builtin_model, \"a\", %progbits\n"
    ".balign 4096\n"
    ".globl hearth_builtin_model_begin\n"
    "hearth_builtin_model_begin:\n"
    ".incbin \"" HEARTH_BUILTIN_MODEL
    "\"\n"
    ".globl hearth_builtin_model_end\n"
    "hearth_builtin_model_end:\n"
    ".popsection\n");

extern "C" {
extern const std::byte hearth_builtin_model_begin;
extern const std::byte hearth_builtin_model_end;
}

namespace hearth::models {

std::span<const std::byte> builtin_model_file() noexcept {
  return {&hearth_builtin_model_begin, &hearth_builtin_model_end};
}

Result<std::unique_ptr<const Checkpoint>> open_builtin_model() {
  HEARTH_ASSIGN(gguf::File file, gguf::File::parse(builtin_model_file(), std::string(kBuiltinModelName)));
  return std::unique_ptr<const Checkpoint>(std::make_unique<GgufCheckpoint>(std::move(file)));
}

}  // namespace hearth::models
