// A write that is not cut short.
#pragma once

#include <cstddef>
#include <span>

namespace hearth {

// Writes every byte where the descriptor stands. 0, or the errno of the write that failed; what came before
// it is written.
int write_all(int descriptor, std::span<const std::byte> bytes);

}  // namespace hearth
