#include "worker/opened_model.h"

#include <algorithm>

#include "text/chat/template_language.h"
#include "worker/tool_calls.h"

namespace hearth::worker {
namespace {

constexpr int64_t kMaxSequences = 4096;
constexpr int64_t kMaxThreads = 1024;

Result<tensor::DType> cache_type(const char* option, const std::string& name) {
  using tensor::DType;
  if (name.empty()) return DType::kF16;
  std::string upper = name;
  std::ranges::transform(upper, upper.begin(),
                         [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
  for (const DType dtype : {DType::kF16, DType::kBF16, DType::kQ8_0, DType::kQ4_0}) {
    if (tensor::dtype_name(dtype) == upper) return dtype;
  }
  return make_error(ErrorCode::kInvalidArgument, "{}: expected f16, bf16, q8_0 or q4_0, found '{}'", option,
                    name);
}

Result<int> threads_of(const protocol::StartOptions& options, int n_default) {
  if (options.n_threads() == 0) return n_default;
  if (options.n_threads() > 0 && options.n_threads() <= kMaxThreads) return options.n_threads();
  return make_error(ErrorCode::kInvalidArgument, "num_thread: expected 0 to {}, found {}", kMaxThreads,
                    options.n_threads());
}

}  // namespace

Result<engine::LoadOptions> load_options_of(const protocol::StartOptions& options) {
  engine::LoadOptions load;
  load.context_tokens = options.context_tokens();
  if (options.max_sequences() < 0 || options.max_sequences() > kMaxSequences) {
    return make_error(ErrorCode::kInvalidArgument, "sequences at once: expected 1 to {}, found {}",
                      kMaxSequences, options.max_sequences());
  }
  load.max_sequences = std::max<int64_t>(options.max_sequences(), 1);
  if (options.kv_tokens() < 0) {
    return make_error(ErrorCode::kInvalidArgument, "tokens of the KV cache: expected 0 or more, found {}",
                      options.kv_tokens());
  }
  load.kv_tokens = options.kv_tokens();
  HEARTH_ASSIGN(load.kv_types.k, cache_type("cache_type_k", options.cache_type_k()));
  HEARTH_ASSIGN(load.kv_types.v, cache_type("cache_type_v", options.cache_type_v()));
  return load;
}

Result<std::unique_ptr<OpenedModel>> OpenedModel::open(const FileSource& source, const std::string& path,
                                                       const protocol::StartOptions& options,
                                                       const BackendFactory& make_backend,
                                                       int n_default_threads, const OpenExtras& extras) {
  HEARTH_ASSIGN(engine::LoadOptions load, load_options_of(options));
  load.on_step = extras.on_step;
  HEARTH_ASSIGN(const int n_threads, threads_of(options, n_default_threads));
  HEARTH_ASSIGN(auto checkpoint, models::open_checkpoint(source, path));
  HEARTH_ASSIGN(auto backend, make_backend(n_threads));
  auto model = std::unique_ptr<OpenedModel>(new OpenedModel());
  model->chat_template_ = extras.chat_template;
  if (models::is_encoder(*checkpoint)) {
    HEARTH_ASSIGN(model->encoder_,
                  engine::LoadedEncoder::load(std::move(checkpoint), std::move(backend), extras.on_step));
  } else {
    // A server's context is for all of its models: one that was trained for less has what it was trained for.
    HEARTH_ASSIGN(const int64_t trained_tokens, models::trained_context_tokens(*checkpoint));
    load.context_tokens = std::min(load.context_tokens, trained_tokens);
    // The same goes for its cache, of which a request may wish for more by wishing for more context.
    if (load.kv_tokens > 0) {
      const int64_t most_usual = std::min(trained_tokens, engine::kDefaultContextTokens);
      load.kv_tokens = std::max(load.kv_tokens, load.context_tokens > 0 ? load.context_tokens : most_usual);
    }
    HEARTH_ASSIGN(model->generator_,
                  engine::LoadedModel::prepare(std::move(checkpoint), std::move(backend), load));
    model->find_chat_formats();
  }
  return model;
}

// A template that cannot be used does not keep the model from continuing texts.
void OpenedModel::find_chat_formats() {
  if (!chat_template_.empty()) {
    auto format = text::ChatFormat::create(chat_template_, "the model's template layer", tokenizer());
    if (format) {
      format_.emplace(std::optional(models::ModelChatFormat{std::move(*format), ""}));
    } else {
      format_.emplace(format.error());
    }
    // Stores have models whose templates in Go's language are older than what their weights can do.
    if (text::is_go_template(chat_template_) && !takes_tools(chat_template_)) {
      auto own = models::load_chat_format(checkpoint(), tokenizer(), /*with_tools=*/true);
      if (own && *own && takes_tools((*own)->format.source())) format_for_tools_ = std::move(own);
    }
    return;
  }
  format_ = models::load_chat_format(checkpoint(), tokenizer(), /*with_tools=*/false);
  if (checkpoint().find("tokenizer.chat_template.tool_use") != nullptr)
    format_for_tools_ = models::load_chat_format(checkpoint(), tokenizer(), /*with_tools=*/true);
}

const models::Checkpoint& OpenedModel::checkpoint() const noexcept {
  return generator_ ? generator_->checkpoint() : encoder_->checkpoint();
}

const text::Tokenizer& OpenedModel::tokenizer() const noexcept {
  return generator_ ? generator_->tokenizer() : encoder_->tokenizer();
}

Result<const text::ChatFormat*> OpenedModel::chat_format(bool with_tools) const {
  const std::optional<FoundFormat>& found = with_tools && format_for_tools_ ? format_for_tools_ : format_;
  if (found && !*found) return found->error();
  if (!found || !**found) {
    return make_error(ErrorCode::kUnsupported,
                      "{}: the model has no chat format: it continues texts, and does not converse",
                      checkpoint().name());
  }
  return &(**found)->format;
}

std::string OpenedModel::chat_format_name() const {
  if (!format_ || !*format_ || !**format_) return "";
  const std::string& family = (**format_)->known_as;
  return family.empty() ? "the model's template" : family;
}

std::string OpenedModel::chat_template_source() const {
  if (!chat_template_.empty()) return chat_template_;
  const gguf::Value* own = checkpoint().find("tokenizer.chat_template");
  return std::string(own == nullptr ? std::string_view() : own->as_string().value_or(""));
}

Result<void> OpenedModel::start() {
  if (generator_ && !is_started_) HEARTH_TRY(generator_->start());
  is_started_ = true;
  return {};
}

}  // namespace hearth::worker
