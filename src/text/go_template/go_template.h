// Templates in the language of Go's text/template, in which Ollama's stores and Modelfiles have them.
//
// docs/formats/go_templates.md says what of it there is. A template sees the value that it is given and
// nothing else. Source: Go's documentation of text/template and fmt, and their behaviour (Go 1.19 to 1.24).
#pragma once

#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "base/result.h"
#include "text/chat_template/chat_template.h"
#include "text/go_template/ast.h"

namespace hearth::text::go_template {

// Immutable, so thread-safe.
class Template {
 public:
  // `name` stands in messages: "name:line:column: what". Go's functions and Ollama's are known. kMalformed
  // for a source that is no template, kUnsupported for imaginary numbers, kResourceExhausted for one over a
  // megabyte or nested too deep.
  static Result<Template> parse(std::string_view source, const std::string& name);

  // Of a tree that was made otherwise.
  Template(Tree tree, std::string name)
      : tree_(std::make_shared<const Tree>(std::move(tree))), name_(std::move(name)) {}

  // What it writes for `data`, as Go does with the option missingkey=zero. kInvalidArgument for an operation
  // that Go refuses; kResourceExhausted over the limits.
  Result<std::string> execute(const Value& data, const RenderOptions& options = {}) const;
  // The same for one of several that share their limits: takes what it spends from `limits`.
  Result<std::string> execute_within(const Value& data, const RenderOptions& options,
                                     RenderLimits& limits) const;

  const Tree& tree() const noexcept { return *tree_; }
  const std::string& name() const noexcept { return name_; }
  // Those of the fields and variables that it names in actions, without dots: {"Messages", "$i"}.
  std::set<std::string, std::less<>> names() const;

 private:
  std::shared_ptr<const Tree> tree_;
  std::string name_;
};

}  // namespace hearth::text::go_template
