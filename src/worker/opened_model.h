// The model of an engine process: opened, and later made ready to compute.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/file_source.h"
#include "base/result.h"
#include "engine/loaded_encoder.h"
#include "engine/loaded_model.h"
#include "models/chat_format.h"
#include "protocol/engine.pb.h"
#include "worker/backend_factory.h"

namespace hearth::worker {

// kInvalidArgument naming the option.
Result<engine::LoadOptions> load_options_of(const protocol::StartOptions& options);

struct OpenExtras {
  std::string chat_template = {};  // where it is not empty, it takes the place of the model's own
  models::OnLoadStep on_step = {};
};

// Not thread-safe.
class OpenedModel {
 public:
  // Parses the files; computes and allocates nothing large, but for weights that do not lie on disk as they
  // are computed with. `source` must outlive the model. n_default_threads is for options that leave it open.
  // Errors: those of open_checkpoint, LoadedModel::prepare and LoadedEncoder::load.
  static Result<std::unique_ptr<OpenedModel>> open(const FileSource& source, const std::string& path,
                                                   const protocol::StartOptions& options,
                                                   const BackendFactory& make_backend, int n_default_threads,
                                                   const OpenExtras& extras = {});

  const models::Checkpoint& checkpoint() const noexcept;
  const text::Tokenizer& tokenizer() const noexcept;
  // Exactly one of them is not null.
  engine::LoadedModel* generator() const noexcept { return generator_.get(); }
  engine::LoadedEncoder* encoder() const noexcept { return encoder_.get(); }

  // How the model is talked to: with_tools, by its template for tools, where it has one. kUnsupported where
  // it has no chat format; what is wrong with its template.
  Result<const text::ChatFormat*> chat_format(bool with_tools) const;
  // Where the chat format comes from: "the model's template", "ChatML"; empty where there is none.
  std::string chat_format_name() const;
  // Of the template that it is talked to by, with or without tools; empty where there is none.
  std::string chat_template_source() const;

  // kResourceExhausted.
  Result<void> start();
  bool is_started() const noexcept { return is_started_; }

 private:
  using FoundFormat = Result<std::optional<models::ModelChatFormat>>;

  OpenedModel() = default;
  void find_chat_formats();

  std::unique_ptr<engine::LoadedModel> generator_;
  std::unique_ptr<engine::LoadedEncoder> encoder_;
  std::string chat_template_;  // in the place of the checkpoint's
  std::optional<FoundFormat> format_;
  std::optional<FoundFormat> format_for_tools_;
  bool is_started_ = false;
};

}  // namespace hearth::worker
