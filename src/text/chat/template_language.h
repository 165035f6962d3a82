// The two languages in which chat templates come: Jinja, which models bring along, and Go's, in which
// Ollama's stores and Modelfiles have them.
#pragma once

#include <string_view>

namespace hearth::text {

// Told by how its actions begin: {{ .Name }}, {{ $name }}, a word of Go's or one of its functions with an
// argument behind it; Jinja writes statements as {% %}, and no name of it begins with a dot.
bool is_go_template(std::string_view source);

// Whether there is anything of Jinja in it: a statement, or an expression that is not Go's. A plain text is
// of no language.
bool is_jinja_template(std::string_view source);

// Whether it is in one of them.
bool is_template(std::string_view source);

}  // namespace hearth::text
