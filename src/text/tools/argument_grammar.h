// Grammars of arguments that are not one JSON object.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "text/grammar/dfa.h"
#include "text/grammar/grammar.h"
#include "text/tools/call_syntax.h"

namespace hearth::text {

// All texts in UTF-8 in which `mark`, or any of `marks`, does not occur.
Result<grammar::Dfa> texts_without(std::string_view mark);
Result<grammar::Dfa> texts_without(std::span<const std::string> marks);

// The texts that are valid against `schema`, which admits only strings, and in which `mark` does not occur.
Result<grammar::Dfa> string_texts(const nlohmann::ordered_json& schema, std::string_view mark);

// `schema`, which stands in `root`, as one that stands alone: with the definitions that it may refer to.
nlohmann::ordered_json standing_alone(const nlohmann::ordered_json& schema,
                                      const nlohmann::ordered_json& root);

// What members beyond its properties an object has that names none: a schema, true for any, false for none.
// Objects that name some are written with those alone.
nlohmann::ordered_json unnamed_members(const nlohmann::ordered_json& schema);

// The words of an object's schema that make no difference to which arguments are valid, or that are kept:
// "properties", "required". kUnsupported, by name, for any other.
Result<void> check_object_keywords(const nlohmann::ordered_json& schema);
bool is_annotation(std::string_view keyword);
bool is_required(const nlohmann::ordered_json& schema, const std::string& property);

// The arguments of a call, from after arguments_begin to their end mark. `schema` is an object's.
Result<grammar::GrammarBuilder::Node> add_parameters(grammar::GrammarBuilder& builder,
                                                     const CallSyntax& syntax,
                                                     const nlohmann::ordered_json& schema);
Result<grammar::GrammarBuilder::Node> add_literals(grammar::GrammarBuilder& builder, const CallSyntax& syntax,
                                                   const nlohmann::ordered_json& schema);

// White space between two parts of a call.
grammar::GrammarBuilder::Node add_gap(grammar::GrammarBuilder& builder);

}  // namespace hearth::text
