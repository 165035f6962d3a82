#include "text/chat_template/chat_template.h"

#include "text/chat_template/interpreter.h"
#include "text/chat_template/parser.h"

namespace hearth::text {

struct ChatTemplate::Parsed {
  jinja::Template tree;
};

Result<ChatTemplate> ChatTemplate::parse(std::string_view source, const std::string& name) {
  auto tree = jinja::parse_template(source, name);
  // The message begins with the line.
  if (!tree) return Error(tree.error().code(), name + ":" + tree.error().message());
  return ChatTemplate(std::make_shared<const Parsed>(Parsed{std::move(*tree)}));
}

Result<Rendering> ChatTemplate::render_with_ranges(const Value& context, const RenderOptions& options) const {
  if (!context.is_dict() || context.depth() > jinja::kMaxDepth) {
    return make_error(ErrorCode::kInvalidArgument,
                      "{}: expected a context that is a dict nested at most {} deep", parsed_->tree.name,
                      jinja::kMaxDepth);
  }
  jinja::Runtime runtime(options.limits, options.now);
  jinja::Interpreter interpreter(parsed_->tree, context, runtime);
  if (const auto done = interpreter.run(); !done) {
    return done.error().in(fmt::format("{}:{}", parsed_->tree.name, interpreter.line()));
  }
  Rendering rendering{std::move(interpreter.output()), {}};
  for (const auto& [begin, end] : interpreter.generated()) rendering.generated.push_back({begin, end});
  return rendering;
}

Result<std::string> ChatTemplate::render(const Value& context, const RenderOptions& options) const {
  HEARTH_ASSIGN(Rendering rendering, render_with_ranges(context, options));
  return std::move(rendering.text);
}

}  // namespace hearth::text
