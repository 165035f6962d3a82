#include "text/tokenizer/training/text_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

#include "base/json_text.h"
#include "base/lower_case.h"
#include "base/unique_descriptor.h"
#include "base/utf8.h"
#include "text/tokenizer/training/bpe_trainer.h"
#include "text/tokenizer/unicode.h"

namespace hearth::text {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr size_t kReadBytes = size_t{1} << 18U;

std::string extension_of(const fs::path& path) {
  return lower_case(path.extension().string());
}

Error system_error(int number) {
  const ErrorCode code = number == ENOENT || number == ENOTDIR ? ErrorCode::kNotFound : ErrorCode::kIo;
  return make_error(code, "{}", std::strerror(number));
}

bool ends_with_space(std::string_view text) {
  if (text.empty()) return true;
  size_t first = text.size() - 1;
  while (first > 0 && (static_cast<unsigned char>(text[first]) & 0xC0U) == 0x80) --first;
  return is_white_space(decode_utf8(text.substr(first)).code_point);
}

bool begins_with_space(std::string_view text) {
  const DecodedCharacter c = decode_utf8(text);
  return !c.valid || is_white_space(c.code_point);  // it may be incomplete yet
}

// Where a text can be cut so that no word is: behind a line, with no white space on either side. Zero where
// there is no such place.
size_t last_clean_cut(std::string_view text) {
  for (size_t newline = text.rfind('\n'); newline != std::string_view::npos && newline > 0;
       newline = text.rfind('\n', newline - 1)) {
    std::string_view line = text.substr(0, newline);
    if (line.ends_with('\r')) line.remove_suffix(1);
    const std::string_view next = text.substr(newline + 1);
    if (!next.empty() && !ends_with_space(line) && !begins_with_space(next)) return newline + 1;
  }
  return 0;
}

// Reads a file in blocks, of which it holds what is not yet taken, and gives out texts.
class TextReader {
 public:
  TextReader(const TextSink& sink, const TextFileLimits& limits, bool is_jsonl)
      : sink_(sink), limits_(limits), is_jsonl_(is_jsonl) {}

  Result<void> read(int file) {
    while (true) {
      const size_t held = held_.size();
      held_.resize(held + std::min(kReadBytes, limits_.piece_bytes));
      const ssize_t n = ::read(file, held_.data() + held, held_.size() - held);
      held_.resize(held + static_cast<size_t>(std::max<ssize_t>(n, 0)));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return system_error(errno);
      if (n == 0) return finish();
      HEARTH_TRY(check_lines(std::string_view(held_).substr(held), offset_ + held));
      if (is_jsonl_) {
        HEARTH_TRY(take_lines());
      } else {
        HEARTH_TRY(take_pieces());
      }
    }
  }

 private:
  // `block` is what was read last, and begins at `offset` of the file.
  Result<void> check_lines(std::string_view block, uint64_t offset) {
    if (const size_t nul = block.find('\0'); nul != std::string_view::npos) {
      return make_error(ErrorCode::kMalformed, "byte {}: expected text, found a NUL byte (a binary file?)",
                        offset + nul);
    }
    for (size_t at = 0; at < block.size();) {
      const size_t newline = std::min(block.find('\n', at), block.size());
      if (offset + newline - line_begin_ > limits_.line_bytes) {
        return make_error(ErrorCode::kResourceExhausted,
                          "byte {}: expected a line of at most {} bytes, found a longer one", line_begin_,
                          limits_.line_bytes);
      }
      at = newline + 1;
      if (newline < block.size()) line_begin_ = offset + at;
    }
    return {};
  }

  Result<void> take_pieces() {
    if (held_.size() < limits_.piece_bytes) return {};
    size_t n = last_clean_cut(held_);
    // Lines are no longer than that, so that one has ended.
    if (n == 0 && held_.size() > limits_.line_bytes) n = held_.rfind('\n') + 1;
    if (n == 0) return {};
    HEARTH_TRY(take_text(std::string_view(held_).substr(0, n)));
    drop(n);
    return {};
  }

  Result<void> take_text(std::string_view text) {
    const uint64_t offset = offset_;
    const size_t mark = offset == 0 && text.starts_with(kByteOrderMark) ? kByteOrderMark.size() : 0;
    text.remove_prefix(mark);
    HEARTH_TRY(check_utf8(text, offset + mark));
    return text.empty() ? Result<void>() : sink_(text);
  }

  Result<void> take_lines() {
    size_t at = 0;
    for (size_t newline; (newline = held_.find('\n', at)) != std::string::npos; at = newline + 1) {
      HEARTH_TRY(take_line(std::string_view(held_).substr(at, newline - at)));
    }
    drop(at);
    return {};
  }

  Result<void> take_line(std::string_view line) {
    const bool is_first = n_lines_++ == 0;
    if (is_first && line.starts_with(kByteOrderMark)) line.remove_prefix(kByteOrderMark.size());
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) return {};
    const auto taken = take_record(line);
    return taken ? Result<void>() : taken.error().in(fmt::format("line {}", n_lines_));
  }

  Result<void> take_record(std::string_view line) {
    HEARTH_ASSIGN(const nlohmann::json record, parse_json(line));
    const auto malformed = [](std::string_view expected) {
      return make_error(ErrorCode::kMalformed, "expected {}", expected);
    };
    constexpr std::string_view kExpected = R"({"text": "..."} or {"messages": [{"role", "content"}, ...]})";
    if (!record.is_object()) return malformed(kExpected);
    if (const auto text = record.find("text"); text != record.end()) {
      if (!text->is_string()) return malformed(R"("text" to be a string)");
      return sink_(text->get_ref<const std::string&>());
    }
    const auto messages = record.find("messages");
    if (messages == record.end() || !messages->is_array()) return malformed(kExpected);
    for (const nlohmann::json& message : *messages) {
      const auto content = message.is_object() ? message.find("content") : message.end();
      if (content == message.end()) return malformed(R"(each of "messages" to have a "content")");
      if (content->is_null()) continue;  // a message that only calls tools
      if (!content->is_string()) return malformed(R"("content" to be a string)");
      HEARTH_TRY(sink_(content->get_ref<const std::string&>()));
    }
    return {};
  }

  Result<void> finish() { return is_jsonl_ ? take_line(held_) : take_text(held_); }

  void drop(size_t n) {
    held_.erase(0, n);
    offset_ += n;
  }

  const TextSink& sink_;
  const TextFileLimits& limits_;
  bool is_jsonl_;
  std::string held_;
  uint64_t offset_ = 0;      // of held_ in the file
  uint64_t line_begin_ = 0;  // of the line that was not yet read to its end
  uint64_t n_lines_ = 0;
};

Result<void> read_file(const fs::path& path, const TextSink& sink, const TextFileLimits& limits) {
  // Of what is no regular file, opening may wait.
  const UniqueDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  struct stat info {};
  if (!file || ::fstat(file.get(), &info) != 0) return system_error(errno);
  if (!S_ISREG(info.st_mode)) return make_error(ErrorCode::kInvalidArgument, "expected a regular file");
  return TextReader(sink, limits, extension_of(path) == ".jsonl").read(file.get());
}

Result<std::vector<fs::path>> files_below(const fs::path& folder) {
  constexpr std::string_view kTaken[] = {".txt", ".md", ".jsonl"};
  std::vector<fs::path> files;
  std::error_code error;
  fs::recursive_directory_iterator entry(folder, error);
  for (; !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
    std::error_code ignored;
    const bool is_taken = std::ranges::find(kTaken, extension_of(entry->path())) != std::end(kTaken);
    if (is_taken && entry->is_regular_file(ignored)) files.push_back(entry->path());
  }
  if (error) return make_error(ErrorCode::kIo, "{}", error.message());
  if (files.empty()) {
    return make_error(ErrorCode::kInvalidArgument, "expected *.txt, *.md or *.jsonl in it, found none");
  }
  std::ranges::sort(files);
  return files;
}

}  // namespace

Result<std::vector<fs::path>> find_text_files(const fs::path& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (fs::is_directory(status)) {
    auto files = files_below(path);
    return files ? std::move(files) : files.error().in(path.string());
  }
  if (fs::is_regular_file(status)) return std::vector<fs::path>{path};
  if (fs::exists(status)) {
    return make_error(ErrorCode::kInvalidArgument, "{}: expected a file or a folder", path.string());
  }
  return (error ? system_error(error.value()) : system_error(ENOENT)).in(path.string());
}

Result<void> read_texts(const fs::path& file, const TextSink& sink, const TextFileLimits& limits) {
  const auto read = read_file(file, sink, limits);
  return read ? Result<void>() : read.error().in(file.string());
}

}  // namespace hearth::text
