// HEARTH_CHECK: for our own bugs only. Input of any kind must not be able to reach one; the fuzzers show it.
#pragma once

namespace hearth {

// Prints the place and the condition to stderr and aborts. The one exception to "the library never aborts":
// memory can no longer be trusted to be what the code believes.
[[noreturn]] void check_failed(const char* file, int line, const char* condition) noexcept;

}  // namespace hearth

// An expression of type void, so that it can stand before a comma.
#define HEARTH_CHECK(condition) \
  ((condition) ? static_cast<void>(0) : ::hearth::check_failed(__FILE__, __LINE__, #condition))
