// A conversation through a template in Go's language, as Ollama's templates expect it.
//
// Such a template gets a map: of one that names .Messages, System, Messages, Tools and Response; of an older
// one, which is executed once for each turn, System, Prompt and Response; of one that fills in the middle,
// Prompt and Suffix; and of all of them Think, ThinkLevel and IsThinkSet. docs/formats/go_templates.md has
// their fields. Source: what Ollama does.
#pragma once

#include <set>
#include <string>
#include <string_view>

#include "base/result.h"
#include "text/chat_template/chat_template.h"
#include "text/go_template/go_template.h"

namespace hearth::text {

// Immutable, so thread-safe.
class OllamaTemplate {
 public:
  // Errors: those of go_template::Template::parse.
  static Result<OllamaTemplate> parse(std::string_view source, const std::string& name);

  // `context` is the dict that chat templates get: messages, tools, and prompt and suffix where the model
  // fills in the middle; "think" (a bool) and "think_level" (a text) where it is told. The text ends where
  // the assistant speaks. Errors: those of go_template::Template::execute; kInvalidArgument for a context of
  // another form.
  Result<std::string> render(const Value& context, const RenderOptions& options = {}) const;

  // Whether its actions name a field or variable, such as "Tools", in any case of letters.
  bool names(std::string_view lower_case) const { return names_.contains(lower_case); }

 private:
  OllamaTemplate(go_template::Template whole, go_template::Template last_turn,
                 std::set<std::string, std::less<>> names)
      : whole_(std::move(whole)), last_turn_(std::move(last_turn)), names_(std::move(names)) {}

  Result<std::string> render_turns(const Value& messages, const go_template::Value& think,
                                   const RenderOptions& options) const;

  go_template::Template whole_;
  go_template::Template last_turn_;           // without what stands behind {{ .Response }}
  std::set<std::string, std::less<>> names_;  // in lower case
};

}  // namespace hearth::text
