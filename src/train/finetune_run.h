// Fine-tuning, carried out in a folder: a model that is there learns texts, as an adapter beside it.
#pragma once

#include <filesystem>
#include <string>

#include "models/checkpoint.h"
#include "train/lora.h"
#include "train/run.h"

namespace hearth::train {

struct FinetuneOptions {
  std::string model_name;  // for titles, and where the model itself has no name
  Texts texts;
  LoraOptions lora;     // without targets: all
  double epochs = 3.0;  // over the text, where training.n_steps is 0
  // A batch's sequences are cut down to what the text and the model's context have. The schedule's number of
  // steps is that of the training.
  TrainingOptions training;
};

// What the folder has when the last step was made: the adapter as a GGUF file, and as PEFT reads it.
struct AdapterFiles {
  explicit AdapterFiles(const std::filesystem::path& folder)
      : gguf(folder / "adapter.gguf"),
        peft_config(folder / "adapter_config.json"),
        peft_weights(folder / "adapter_model.safetensors") {}

  std::filesystem::path gguf;
  std::filesystem::path peft_config;
  std::filesystem::path peft_weights;
};

// `base`, a model of one of the families that read_base_config() knows, quantised or not, is learnt on in
// `folder`, or the run goes on where the folder's checkpoint is: whatever ended a run before, it ends with
// the same bytes. Errors: read_base_config()'s, those of texts and targets, naming them; RunFolder::open()'s,
// check_memory()'s and carry_out()'s. The last checkpoint stands in each case.
Result<RunResult> run_finetune(const models::Checkpoint& base, FinetuneOptions options,
                               const std::filesystem::path& folder, Threads& threads, const RunOptions& run);

}  // namespace hearth::train
