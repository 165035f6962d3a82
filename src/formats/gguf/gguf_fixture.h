// What the tests of this folder share.
#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "formats/gguf/gguf.h"
#include "tests/support/gguf_walk.h"
#include "tests/support/gguf_writer.h"
#include "tests/support/temporary_folder.h"

namespace hearth::gguf {

// The bytes of a file on the heap, ending exactly where the file ends, so that a sanitizer sees a read
// beyond.
inline std::vector<std::byte> exact_copy(std::string_view bytes) {
  const auto view = std::as_bytes(std::span(bytes));
  return {view.begin(), view.end()};
}

// Parses the bytes and reads all that was let through.
inline Result<void> parse_and_walk(std::string_view bytes) {
  const std::vector<std::byte> copy = exact_copy(bytes);
  const auto file = File::parse(copy, "m.gguf");
  if (!file) return file.error();
  testing::walk(*file);
  return {};
}

// What is wrong with the bytes, as a whole message; "" for nothing.
inline std::string complaint(std::string_view bytes) {
  const auto result = parse_and_walk(bytes);
  return result ? "" : result.error().message();
}

inline ErrorCode error_code(std::string_view bytes) {
  const auto result = parse_and_walk(bytes);
  EXPECT_FALSE(result);
  return result ? ErrorCode::kCancelled : result.error().code();
}

using hearth::testing::TemporaryFolder;

}  // namespace hearth::gguf
