#include "text/chat/ollama_template.h"

#include "base/lower_case.h"
#include "text/chat/ollama_values.h"

namespace hearth::text {
namespace {

using Go = go_template::Value;
using go_template::Command;
using go_template::Node;
using go_template::NodeList;
using go_template::Operand;
using go_template::Pipeline;

using Entries = std::vector<std::pair<std::string, Go>>;

Node response_node() {
  Operand field;
  field.kind = Operand::Kind::kField;
  field.text = ".Response";
  field.names = {"Response"};
  Command command;
  command.operands.push_back(std::move(field));
  Node node;
  node.kind = Node::Kind::kAction;
  node.pipeline.emplace_back().commands.push_back(std::move(command));
  return node;
}

// Takes everything behind {{ .Response }} out of a template, where the assistant is to go on: what remains
// keeps its branches and loops.
class Cutter {
 public:
  void cut(NodeList& nodes) {
    std::erase_if(nodes, [this](Node& node) { return !keeps(node); });
  }

 private:
  bool keeps(Node& node) {
    if (found_) return false;
    if (node.kind == Node::Kind::kAction) return keeps(node.pipeline.front());
    cut(node.body);
    cut(node.otherwise);
    return true;
  }

  bool keeps(Pipeline& pipeline) {
    if (found_) return false;
    std::erase_if(pipeline.commands, [this](Command& command) {
      std::erase_if(command.operands, [this](Operand& operand) { return !keeps(operand); });
      return command.operands.empty();
    });
    return !pipeline.commands.empty();
  }

  bool keeps(Operand& operand) {
    if (found_) return false;
    if (operand.kind == Operand::Kind::kField)
      found_ = std::ranges::find(operand.names, "Response") != operand.names.end();
    if (operand.kind == Operand::Kind::kPipeline) return keeps(operand.inner.front());
    return true;
  }

  bool found_ = false;
};

const Value* entry_of(const Value& dict, std::string_view key) {
  return dict.dict_data().find(key);
}

std::string text_entry(const Value& dict, std::string_view key) {
  const Value* value = entry_of(dict, key);
  return value != nullptr && value->is_string() ? std::string(value->as_string()) : std::string();
}

// Think, ThinkLevel and IsThinkSet.
Entries think_entries(const Value& context) {
  const Value* think = entry_of(context, "think");
  const bool is_set = think != nullptr && think->is(Value::Kind::kBool);
  return {{"Think", Go::boolean(is_set && think->as_bool())},
          {"ThinkLevel", Go::string(text_entry(context, "think_level"))},
          {"IsThinkSet", Go::boolean(is_set)}};
}

Go data_of(Entries entries, const Go& think) {
  for (const auto& entry : think.as_map().entries) entries.push_back(entry);
  return Go::map(std::move(entries));
}

std::string system_of(const Value& messages) {
  std::string system;
  bool is_first = true;
  for (const Value& message : messages.items()) {
    if (!message.is_dict() || text_entry(message, "role") != "system") continue;
    if (!is_first) system += "\n\n";
    is_first = false;
    system += text_entry(message, "content");
  }
  return system;
}

}  // namespace

Result<OllamaTemplate> OllamaTemplate::parse(std::string_view source, const std::string& name) {
  HEARTH_ASSIGN(go_template::Template parsed, go_template::Template::parse(source, name));
  std::set<std::string, std::less<>> names;
  for (const std::string& identifier : parsed.names()) names.insert(lower_case(identifier));
  go_template::Tree tree = parsed.tree();
  if (!names.contains("messages") && !names.contains("response")) {
    tree.root.push_back(response_node());
    names.insert("response");
  }
  go_template::Template whole(tree, name);
  Cutter().cut(tree.root);
  return OllamaTemplate(std::move(whole), go_template::Template(std::move(tree), name), std::move(names));
}

Result<std::string> OllamaTemplate::render(const Value& context, const RenderOptions& options) const {
  if (!context.is_dict()) {
    return make_error(ErrorCode::kInvalidArgument, "{}: expected a dict as context, found {}", whole_.name(),
                      jinja::type_name(context));
  }
  const Go think = Go::map(think_entries(context));
  const std::string suffix = text_entry(context, "suffix");
  if (!suffix.empty()) {
    return whole_.execute(data_of({{"Prompt", Go::string(text_entry(context, "prompt"))},
                                   {"Suffix", Go::string(suffix)},
                                   {"Response", Go::string("")}},
                                  think),
                          options);
  }
  const Value* const listed = entry_of(context, "messages");
  const Value messages = listed == nullptr ? Value::list({}) : *listed;
  if (!names("messages")) return render_turns(messages, think, options);
  HEARTH_ASSIGN(const std::vector<OllamaMessage> read, ollama_messages(messages));
  HEARTH_ASSIGN(Go tools, ollama_tools(entry_of(context, "tools")));
  return whole_.execute(data_of({{"System", Go::string(system_of(messages))},
                                 {"Messages", value_of(read)},
                                 {"Tools", std::move(tools)},
                                 {"Response", Go::string("")}},
                                think),
                        options);
}

// A turn is a system's text, a prompt and a response, each where it is there. The last one is cut behind its
// response, which may have begun.
Result<std::string> OllamaTemplate::render_turns(const Value& messages, const Go& think,
                                                 const RenderOptions& options) const {
  HEARTH_ASSIGN(const std::vector<OllamaMessage> read, ollama_messages(messages));
  std::string text;
  std::string system;
  std::string prompt;
  std::string response;
  RenderLimits limits = options.limits;
  const auto execute = [&](const go_template::Template& turn) -> Result<void> {
    HEARTH_ASSIGN(const std::string part, turn.execute_within(data_of({{"System", Go::string(system)},
                                                                       {"Prompt", Go::string(prompt)},
                                                                       {"Response", Go::string(response)}},
                                                                      think),
                                                              options, limits));
    text += part;
    system.clear();
    prompt.clear();
    response.clear();
    return {};
  };
  for (const OllamaMessage& message : read) {
    const bool is_system = message.role == "system";
    const bool is_user = message.role == "user";
    const bool ends_turn =
        (is_system && (!prompt.empty() || !response.empty())) || (is_user && !response.empty());
    if (ends_turn) HEARTH_TRY(execute(whole_));
    if (is_system) system = message.content;
    if (is_user) prompt = message.content;
    if (message.role == "assistant") response = message.content;
  }
  HEARTH_TRY(execute(last_turn_));
  return text;
}

}  // namespace hearth::text
