// What differs between two texts, line by line.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace hearth::cli {

// The lines that go, with '-' before them, and those that come, with '+', in the order of the texts; of lines
// that both have, nothing. As few as can be (a longest common subsequence) up to some thousand lines that
// differ; beyond that, all between the first and the last that do. Empty where the texts are the same but for
// a newline at the end.
std::vector<std::string> line_diff(std::string_view before, std::string_view after);

}  // namespace hearth::cli
