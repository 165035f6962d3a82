// Chat templates: a conversation as the text that a model was trained on.
//
// Models bring their template along, written in Jinja for Python. This is that language as Hugging Face's
// transformers configure it, as far as a chat template has use for it; docs/formats/chat_templates.md says
// what that is. A template sees what it is given and nothing else: no files, no environment, no other
// template.
#pragma once

#include <ctime>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "text/chat_template/limits.h"
#include "text/chat_template/value.h"

namespace hearth::text {

struct RenderOptions {
  std::optional<std::tm> now;  // what strftime_now() reads; absent: the local time
  RenderLimits limits;
};

struct ByteRange {
  size_t begin;
  size_t end;
};

struct Rendering {
  std::string text;
  // What {% generation %} blocks wrote, in order: the assistant's part, on which training computes its loss.
  std::vector<ByteRange> generated;
};

// Immutable, so thread-safe.
class ChatTemplate {
 public:
  // `name` stands in messages: "name:line: what". kMalformed for a template that is no Jinja, kUnsupported
  // for one that reaches other templates, kResourceExhausted for one over a megabyte or nested too deep.
  static Result<ChatTemplate> parse(std::string_view source, const std::string& name);

  // `context` is a dict of what the template may name: messages, tools, add_generation_prompt, bos_token,
  // .... kInvalidArgument for what the template objects to, by raise_exception() or by an operation that
  // fails; kResourceExhausted for one that exceeds the limits.
  Result<std::string> render(const Value& context, const RenderOptions& options = {}) const;
  Result<Rendering> render_with_ranges(const Value& context, const RenderOptions& options = {}) const;

 private:
  struct Parsed;
  explicit ChatTemplate(std::shared_ptr<const Parsed> parsed) : parsed_(std::move(parsed)) {}

  std::shared_ptr<const Parsed> parsed_;
};

}  // namespace hearth::text
