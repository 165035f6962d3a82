// What went wrong with a file, by errno.
#pragma once

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string_view>

#include "base/result.h"

namespace hearth::train {

// kResourceExhausted where the disk is full, else kIo: "FILE: cannot be cut: Permission denied".
inline Error errno_error(const std::filesystem::path& path, std::string_view doing) {
  const int number = errno;
  return make_error(number == ENOSPC ? ErrorCode::kResourceExhausted : ErrorCode::kIo, "{}: {}: {}",
                    path.string(), doing, std::strerror(number));
}

}  // namespace hearth::train
