// Sets of characters, as classes of regular expressions name them.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "text/grammar/grammar.h"

namespace hearth::text::grammar {

// Ascending, apart from each other.
using CharacterSet = std::vector<CodePointRange>;

// The same characters as a CharacterSet.
CharacterSet normalised(CharacterSet ranges);
// Every other character.
CharacterSet complement(const CharacterSet& set);

// A property of \p{...}: a general category by its short or long name, "Any", "ASCII" or "Assigned"; with
// "General_Category=" or "gc=" in front or not. Nothing for others. Thread-safe.
std::optional<CharacterSet> characters_with_property(std::string_view name);

}  // namespace hearth::text::grammar
