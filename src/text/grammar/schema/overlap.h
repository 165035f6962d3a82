// Which alternatives of a choice may hold of one value at once.
#pragma once

#include <vector>

#include "base/result.h"
#include "text/grammar/schema/structures.h"

namespace hearth::text::grammar::schema {

// True only if no value fulfils it.
bool is_surely_empty(Structures& structures, Formula formula);

// Of each of `alternatives`, the numbers of the others that may hold beside it, where `given` holds too. All
// that cannot be told apart count. kResourceExhausted where the schema's budget does not suffice.
Result<std::vector<std::vector<size_t>>> overlaps(Structures& structures, Formula given,
                                                  const std::vector<Formula>& alternatives);

}  // namespace hearth::text::grammar::schema
