#include "text/grammar/json_schema.h"

#include <nlohmann/json.hpp>

#include "text/grammar/schema/emitter.h"

namespace hearth::text::grammar {
namespace {

Result<GrammarBuilder::Node> add_schema(GrammarBuilder& builder, const nlohmann::ordered_json& json) {
  HEARTH_ASSIGN(schema::SchemaDocument document, schema::SchemaDocument::open(json));
  schema::Structures structures(document);
  schema::Values values(structures);
  HEARTH_ASSIGN(const schema::ValueId root, values.add(structures.formulas().schema(document.root())));
  if (!values.rule(root).is_productive)
    return make_error(ErrorCode::kInvalidArgument, "#: nothing can be valid against the schema");
  HEARTH_ASSIGN(const GrammarBuilder::Node node,
                schema::Emitter(builder, values, structures.scalars()).emit(root));
  HEARTH_TRY(builder.status());
  return node;
}

}  // namespace

Result<GrammarBuilder::Node> add_json_schema(GrammarBuilder& builder, const nlohmann::ordered_json& schema) {
  return add_schema(builder, schema);
}

// Neither has a limit of its own to go beyond; the builder's limits show in its status.
GrammarBuilder::Node add_json_value(GrammarBuilder& builder) {
  const auto node = add_schema(builder, true);
  return node ? *node : builder.nothing();
}

GrammarBuilder::Node add_json_object(GrammarBuilder& builder) {
  const auto node = add_schema(builder, {{"type", "object"}});
  return node ? *node : builder.nothing();
}

}  // namespace hearth::text::grammar
