// What a mistyped name may have meant.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hearth::cli {

// The known names within a few typing mistakes (insert, drop, replace, swap neighbours) of `typed`, nearest
// first, at most three. A name that `typed` is the beginning of counts as near.
std::vector<std::string> nearest_names(std::string_view typed, std::span<const std::string> known);

// "; did you mean A or B?", or nothing.
std::string did_you_mean(std::string_view typed, std::span<const std::string> known);

}  // namespace hearth::cli
