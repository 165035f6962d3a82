#include "server/openai/completion_request.h"

#include <algorithm>

#include "server/inference/output_constraint.h"

namespace hearth::server::openai {
namespace {

using wire::Field;
using wire::Json;

constexpr std::string_view kPrompts = "a text, a list of texts, a list of token ids or a list of such lists";
// As OpenAI's: a request must not ask for any number of answers.
constexpr size_t kMaxChoices = 128;

protocol::Generate text_prompt(std::string text) {
  protocol::Generate generate;
  generate.mutable_text()->set_text(std::move(text));
  // Who writes raw prompts writes a chat format's own marks too.
  generate.mutable_text()->set_control_tokens(true);
  return generate;
}

protocol::Generate token_prompt(const Field& field) {
  protocol::Generate generate;
  const std::vector<int32_t> ids = field.ids();
  if (field.json().is_array() && ids.empty()) field.expected("at least one token id");
  generate.mutable_tokens()->mutable_ids()->Assign(ids.begin(), ids.end());
  return generate;
}

std::vector<protocol::Generate> read_prompts(const Field& prompt) {
  std::vector<protocol::Generate> prompts;
  if (!prompt.required().present()) return prompts;
  const Json& json = prompt.json();
  if (json.is_string()) {
    prompts.push_back(text_prompt(json.get<std::string>()));
  } else if (!json.is_array() || json.empty()) {
    prompt.expected(kPrompts);
  } else if (json.front().is_number()) {
    prompts.push_back(token_prompt(prompt));
  } else if (json.size() > kMaxChoices) {
    prompt.reject(fmt::format("expected at most {} prompts, found {}", kMaxChoices, json.size()));
  } else {
    for (const Field& item : prompt.items()) {
      if (item.json().is_array()) {
        prompts.push_back(token_prompt(item));
      } else if (auto text = item.string()) {
        prompts.push_back(text_prompt(*std::move(text)));
      }
    }
  }
  return prompts;
}

void read_logprobs(const Field& root, CompletionRequest& request, protocol::Generate& generate) {
  const Field field = root["logprobs"];
  const auto n = field.integer(0, kMaxTopLogprobs);
  if (!n) return;
  if (request.echo) field.reject("is not supported together with \"echo\": true");
  request.logprobs = true;
  generate.set_logprobs(true);
  generate.set_top_logprobs(static_cast<uint32_t>(*n));
}

void read_best_of(const Field& root, const protocol::Generate& generate) {
  const auto best_of = root["best_of"].integer(1, kMaxAnswers);
  const int64_t n = std::max(generate.n(), 1U);
  if (best_of && *best_of != n) {
    root["best_of"].reject(
        fmt::format("is only supported where it equals n, which is {}, found {}", n, *best_of));
  }
}

// The prompts with all the rest.
void combine(const Field& root, const protocol::Generate& options, CompletionRequest& request) {
  for (protocol::Generate& prompt : request.prompts) {
    if (request.echo && !prompt.has_text())
      root["echo"].reject("is only supported with prompts that are texts");
    prompt.MergeFrom(options);
  }
  const size_t n_choices = request.prompts.size() * std::max(options.n(), 1U);
  if (n_choices > kMaxChoices) {
    root["n"].reject(
        fmt::format("expected at most {} answers to all prompts, found {}", kMaxChoices, n_choices));
  }
}

}  // namespace

wire::ApiResult<CompletionRequest> read_completion_request(std::string_view body) {
  HEARTH_ASSIGN(const wire::JsonBody json, wire::JsonBody::parse(body));
  const Field root = json.root();
  CompletionRequest request;
  request.model = inference::read_model_choice(root);
  request.streaming = read_stream_options(root);
  request.prompts = read_prompts(root["prompt"]);
  request.echo = root["echo"].boolean().value_or(false);
  protocol::Generate options;
  read_generation_options(root, options);
  read_max_tokens(root["max_tokens"], options);
  options.set_context_tokens(request.model.wish.context_tokens.value_or(0));
  read_logprobs(root, request, options);
  read_best_of(root, options);
  inference::read_guides(root, options);
  if (const Field suffix = root["suffix"]; !suffix.string().value_or("").empty()) {
    suffix.reject("is not supported");
  }
  read_ignored(root);
  combine(root, options, request);
  HEARTH_TRY(json.check());
  return request;
}

}  // namespace hearth::server::openai
