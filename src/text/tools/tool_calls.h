// Calls of tools in a model's answer: how a family writes them, reading them as they stream, and the grammar
// that holds the model to the tools' schemas.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "text/grammar/grammar.h"
#include "text/tokenizer/tokenizer.h"

namespace hearth::text {

struct Tool {
  std::string name;
  std::string parameters;  // a JSON Schema of type object; empty: any object
};

// What may be called, and how often.
struct ToolUse {
  bool required = false;  // at least one call; otherwise text, calls, or text and then calls
  std::string name{};     // only this tool; empty: any
  bool one_call = false;  // at most one
};

// The tools of a conversation, from its OpenAI form: [{"type": "function", "function": {"name",
// "parameters"}}]. kInvalidArgument says which is wrong and how.
Result<std::vector<Tool>> tools_of(const nlohmann::ordered_json& tools);

// A part of an answer with calls.
struct AnswerPart {
  enum class Kind {
    kText,
    kCall,       // a call begins: `text` is the tool's name
    kArguments,  // the next part of the call's arguments, as JSON text
    kCallEnd,    // the arguments are whole
  };
  Kind kind;
  std::string text;
  bool operator==(const AnswerPart&) const = default;
};

// Divides an answer, as it streams, into text and calls. How the text is cut into pieces changes nothing but
// where the parts are cut. What begins as a call and is none is text; a call whose arguments stop making
// sense stays without kCallEnd, and what follows is text. White space before, between and after calls is no
// text. Not thread-safe.
class ToolCallParser {
 public:
  virtual ~ToolCallParser() = default;
  virtual std::vector<AnswerPart> push(std::string_view text) = 0;
  // What was held back, at the end of the answer. A call that is not whole has no kCallEnd.
  virtual std::vector<AnswerPart> finish() = 0;
};

// How a family writes its calls. Immutable, so thread-safe.
class ToolFormat {
 public:
  virtual ~ToolFormat() = default;
  virtual std::string_view name() const = 0;  // "Hermes", for people
  // `tools` are those of the conversation: where a syntax writes arguments without quotes, their schemas tell
  // texts from numbers; a syntax without marks tells calls from other JSON by their names. The format must
  // outlive the parser.
  virtual std::unique_ptr<ToolCallParser> parser(std::span<const Tool> tools) const = 0;
  // Whole answers (text, calls or both, as `use` says; no thinking), whose calls are of these tools with
  // arguments that are valid against their schemas. `use.name` is one of them (kInvalidArgument otherwise).
  // Errors of schemas name the tool.
  virtual Result<grammar::GrammarBuilder::Node> add_answer(grammar::GrammarBuilder& builder,
                                                           std::span<const Tool> tools,
                                                           const ToolUse& use) const = 0;
  // What an answer that is text begins with and that is no part of it, also where there are no tools; empty
  // for most. The parser leaves it out.
  virtual std::string text_begin() const = 0;
  // Texts of the format that are control tokens where the vocabulary has them: they must leave their names in
  // the text (engine::Request::visible_control_tokens).
  virtual std::vector<std::string> marks() const = 0;
};

// The format that a chat template teaches its model, read from the template's source, never from a model's
// name. Null: the template knows no tools, or writes calls in a way that is not known here.
std::unique_ptr<const ToolFormat> find_tool_format(std::string_view template_source);

}  // namespace hearth::text
