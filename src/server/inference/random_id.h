// Names for answers and their parts.
#pragma once

#include <string>
#include <string_view>

namespace hearth::server::inference {

// The prefix and 48 random hex digits, which nobody guesses: knowing a response's id is part of reading it.
std::string random_id(std::string_view prefix);

}  // namespace hearth::server::inference
