#include "engine/loaded_encoder.h"

namespace hearth::engine {

Result<std::unique_ptr<LoadedEncoder>> LoadedEncoder::load(
    std::unique_ptr<const models::Checkpoint> checkpoint, std::unique_ptr<tensor::Backend> backend,
    const models::OnLoadStep& on_step) {
  auto loaded = std::unique_ptr<LoadedEncoder>(new LoadedEncoder(std::move(checkpoint), std::move(backend)));
  const models::ObservedCheckpoint observed(*loaded->checkpoint_, on_step);
  HEARTH_ASSIGN(loaded->encoder_, models::load_encoder(observed, *loaded->backend_));
  if (on_step) on_step({.stage = "reading the vocabulary"});
  HEARTH_ASSIGN(loaded->tokenizer_, loaded->checkpoint_->load_tokenizer());
  return loaded;
}

Result<std::vector<text::TokenId>> LoadedEncoder::tokenize(std::string_view text) const {
  std::vector<text::TokenId> tokens = tokenizer_->encode(text, {});
  HEARTH_TRY(encoder_->check(tokens));
  return tokens;
}

}  // namespace hearth::engine
