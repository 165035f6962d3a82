#include "server/inference/output_constraint.h"

namespace hearth::server::inference {
namespace {

using protocol::Constraint;
using wire::Field;

// Null where there is one already.
Constraint* new_constraint(const Field& field, protocol::Generate& generate) {
  if (generate.has_constraint()) {
    field.reject("the answer is constrained by another field already, and only one can be kept");
    return nullptr;
  }
  return generate.mutable_constraint();
}

}  // namespace

void constrain_to_schema(const Field& schema, protocol::Generate& generate) {
  if (!schema.present()) return;
  if (!schema.json().is_object() && !schema.json().is_boolean()) return schema.expected("a JSON schema");
  if (Constraint* constraint = new_constraint(schema, generate))
    constraint->set_json_schema(wire::dump_json(schema.json()));
}

void constrain_to_grammar(const Field& gbnf, protocol::Generate& generate) {
  auto text = gbnf.string();
  if (!text) return;
  if (Constraint* constraint = new_constraint(gbnf, generate)) constraint->set_gbnf(*std::move(text));
}

void constrain_to_regex(const Field& regex, protocol::Generate& generate) {
  auto text = regex.string();
  if (!text) return;
  if (Constraint* constraint = new_constraint(regex, generate)) constraint->set_regex(*std::move(text));
}

void constrain_to_choices(const Field& texts, protocol::Generate& generate) {
  if (!texts.present()) return;
  std::vector<std::string> choices = texts.strings();
  if (choices.empty()) return texts.expected("a list of at least one text");
  Constraint* constraint = new_constraint(texts, generate);
  if (constraint == nullptr) return;
  for (std::string& choice : choices) constraint->mutable_choices()->add_texts(std::move(choice));
}

void constrain_to_object(const Field& field, protocol::Generate& generate) {
  if (Constraint* constraint = new_constraint(field, generate)) constraint->set_json_object(true);
}

void read_guides(const Field& root, protocol::Generate& generate) {
  const Field structured = root["structured_outputs"];
  for (const Field& gbnf : {root["grammar"], root["guided_grammar"], structured["grammar"]})
    constrain_to_grammar(gbnf, generate);
  for (const Field& regex : {root["regex"], root["guided_regex"], structured["regex"]})
    constrain_to_regex(regex, generate);
  for (const Field& texts : {root["choices"], root["guided_choice"], structured["choice"]})
    constrain_to_choices(texts, generate);
  for (const Field& schema : {root["guided_json"], structured["json"]}) constrain_to_schema(schema, generate);
  const Field object = structured["json_object"];
  if (object.boolean().value_or(false)) constrain_to_object(object, generate);
}

void forbid_constrained_calls(const Field& tools, const protocol::Generate& generate) {
  if (!generate.has_constraint() || !generate.has_tool_use()) return;
  tools.reject(
      "cannot be called in an answer that is constrained as well: leave out one of them, or forbid the "
      "calls");
}

}  // namespace hearth::server::inference
