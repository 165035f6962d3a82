#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace hearth {

void check_failed(const char* file, int line, const char* condition) noexcept {
  std::fprintf(stderr, "hearth: internal error at %s:%d: %s\nThis is a bug in Hearth; please report it.\n",
               file, line, condition);
  std::abort();
}

}  // namespace hearth
