// A teacher that the engine runs: any model that it knows, quantised or not.
#pragma once

#include "engine/loaded_model.h"
#include "train/distillation.h"

namespace hearth::train {

class EngineTeacher final : public Teacher {
 public:
  // The model must outlive it, and answer nobody else meanwhile.
  explicit EngineTeacher(engine::LoadedModel& model) : model_(model) {}

  Result<void> check_vocabulary(const text::Tokenizer& student) const override;
  Result<void> expect(std::span<const int32_t> tokens, std::span<float> logits) override;

 private:
  engine::LoadedModel& model_;
};

}  // namespace hearth::train
