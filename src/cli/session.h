// A model and the text that it and the person have written so far. There is no chat template yet: the text
// goes to the model as it is.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/command.h"
#include "cli/generation.h"
#include "cli/model_loading.h"
#include "cli/parameters.h"

namespace hearth::cli {

class Session {
 public:
  Session(const Context& context, std::string model_path, Parameters parameters,
          const models::KvTypes& kv_types)
      : context_(context),
        model_path_(std::move(model_path)),
        parameters_(std::move(parameters)),
        kv_types_(kv_types) {}

  // Loads the model, or loads it again after num_ctx or num_thread changed; the text so far stays.
  Result<void> load();

  // Continues the text so far with `prompt` and then the model's answer, written to stdout as it comes. An
  // answer cut short by Ctrl-C is part of the text; after an error the text is as it was before.
  Result<Answer> answer(std::string_view prompt);
  // Forgets the text.
  void clear() { tokens_.clear(); }

  const Context& context() const noexcept { return context_; }
  Parameters& parameters() noexcept { return parameters_; }
  engine::LoadedModel& model() noexcept { return *loaded_.model; }
  double load_s() const noexcept { return loaded_.load_s; }
  size_t n_tokens() const noexcept { return tokens_.size(); }

 private:
  const Context& context_;
  std::string model_path_;
  Parameters parameters_;
  models::KvTypes kv_types_;
  RunnableModel loaded_;
  std::vector<text::TokenId> tokens_;
};

}  // namespace hearth::cli
