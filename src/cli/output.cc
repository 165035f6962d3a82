#include "cli/output.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

#include "cli/interrupt.h"

namespace hearth::cli {
namespace {

Error interrupted_error() {
  return {ErrorCode::kCancelled, "interrupted"};
}

Result<std::string> read_all(int file, std::string_view name) {
  std::string text;
  std::array<char, 65536> chunk;
  while (true) {
    const ssize_t n = read(file, chunk.data(), chunk.size());
    if (n == 0) return text;
    if (n > 0) {
      text.append(chunk.data(), static_cast<size_t>(n));
    } else if (errno != EINTR) {
      return make_error(ErrorCode::kIo, "{}: cannot read: {}", name, std::strerror(errno));
    } else if (interrupted()) {
      return interrupted_error();
    }
  }
}

}  // namespace

Result<void> write_output(std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = write(STDOUT_FILENO, text.data(), text.size());
    if (n >= 0) {
      text.remove_prefix(static_cast<size_t>(n));
    } else if (errno != EINTR) {
      return make_error(ErrorCode::kIo, "standard output: cannot write: {}", std::strerror(errno));
    } else if (interrupted()) {
      return interrupted_error();
    }
  }
  return {};
}

Result<void> write_json(const nlohmann::ordered_json& object) {
  return write_output(object.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n");
}

Result<std::string> read_standard_input() {
  return read_all(STDIN_FILENO, "standard input");
}

Result<std::string> read_text_file(const std::string& path) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) {
    return make_error(errno == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo, "{}: cannot open: {}", path,
                      std::strerror(errno));
  }
  Result<std::string> text = read_all(file, path);
  close(file);
  return text;
}

}  // namespace hearth::cli
