// A model file of any bytes is loaded or refused, and one that loads can be computed with: the GGUF reader,
// the vocabulary, the architecture's shapes and a step of the engine or an encoder's vectors, one behind the
// other.
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "backends/cpu/cpu_backend.h"
#include "engine/loaded_model.h"
#include "models/encoder.h"

namespace {

void try_encoder(const hearth::models::Checkpoint& checkpoint, hearth::tensor::Backend& backend) {
  const auto encoder = hearth::models::load_encoder(checkpoint, backend);
  if (!encoder) return;
  const auto vectors = (*encoder)->encode(std::vector<std::vector<int32_t>>{{0}, {2, 1, 3}});
  if (!vectors) return;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto file = hearth::gguf::File::parse(std::as_bytes(std::span(data, size)), "fuzz.gguf");
  if (!file) return 0;
  auto backend = hearth::cpu::make_cpu_backend({hearth::Isa::kScalar, 1});
  if (!backend) return 0;
  if (hearth::models::is_encoder(*file)) {
    try_encoder(hearth::models::GgufCheckpoint(*file), **backend);
    return 0;
  }
  auto model = hearth::engine::LoadedModel::load(std::move(*file), std::move(*backend), {});
  if (!model) return 0;
  hearth::engine::Request request;
  request.prompt = (*model)->tokenizer().encode("ab \xF0\x9F\x94\xA5", {});
  request.max_tokens = 1;
  hearth::engine::Engine& engine = (*model)->engine();
  if (!engine.submit(std::move(request))) return 0;
  while (engine.has_work()) {
    if (!engine.step()) break;
  }
  return 0;
}
