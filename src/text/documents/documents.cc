#include "text/documents/documents.h"

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/json_text.h"
#include "base/lower_case.h"
#include "base/mapped_file.h"
#include "base/utf8.h"
#include "text/tokenizer/unicode.h"

namespace hearth::text {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMostDepth = 64;  // of folders
constexpr size_t kReleaseBytes = size_t{16} << 20;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr std::string_view kSeparator = "<|endoftext|>";

// The bytes of a mapping that were read need not stay in memory.
class ReadBytes {
 public:
  ReadBytes() = default;  // of no mapping: they stay
  explicit ReadBytes(std::span<const std::byte> mapping) : mapping_(mapping) {}

  void until(size_t end) {
    if (end > mapping_.size() || end - released_ < kReleaseBytes) return;
    MappedFile::release(mapping_.subspan(released_, end - released_));
    released_ = end;
  }

 private:
  std::span<const std::byte> mapping_;
  size_t released_ = 0;
};

// `begin`: where in the file the text stands.
Result<void> check_text(std::string_view file, std::string_view text, size_t begin) {
  size_t at = 0;
  while (at < text.size()) {
    if (static_cast<unsigned char>(text[at]) - 1U < 0x7FU) {
      ++at;
      continue;
    }
    if (text[at] == '\0') {
      return make_error(ErrorCode::kMalformed, "{}: byte {}: expected text, found a NUL: a binary file", file,
                        begin + at);
    }
    const DecodedCharacter character = decode_utf8(text.substr(at));
    if (!character.valid) {
      return make_error(ErrorCode::kMalformed, "{}: byte {}: expected UTF-8, found 0x{:02X}", file,
                        begin + at, static_cast<unsigned char>(text[at]));
    }
    at += character.length_bytes;
  }
  return {};
}

bool ends_with_space(std::string_view text) {
  if (text.empty()) return true;
  size_t first = text.size() - 1;
  while (first > 0 && (static_cast<unsigned char>(text[first]) & 0xC0U) == 0x80) --first;
  return is_white_space(decode_utf8(text.substr(first)).code_point);
}

bool begins_with_space(std::string_view text) {
  const DecodedCharacter c = decode_utf8(text);
  return !c.valid || is_white_space(c.code_point);  // it may be cut
}

// Whether a text can be cut behind this newline without cutting a word.
bool is_clean_cut(std::string_view text, size_t newline) {
  std::string_view line = text.substr(0, newline);
  if (line.ends_with('\r')) line.remove_suffix(1);
  const std::string_view next = text.substr(newline + 1);
  return !next.empty() && !ends_with_space(line) && !begins_with_space(next);
}

// Where the first part of a text ends: at the last clean cut within its size, at the first one behind that,
// behind a line, between characters.
size_t part_end(std::string_view text, const DocumentLimits& limits) {
  if (text.size() <= limits.part_bytes) return text.size();
  const std::string_view part = text.substr(0, limits.part_bytes);
  for (size_t at = part.size(); at > 0 && (at = part.rfind('\n', at - 1)) != std::string_view::npos;) {
    if (is_clean_cut(text, at)) return at + 1;
  }
  const std::string_view window = text.substr(0, std::max(limits.part_bytes, limits.line_bytes));
  for (size_t at = part.size(); (at = window.find('\n', at)) != std::string_view::npos; ++at) {
    if (is_clean_cut(text, at)) return at + 1;
  }
  if (const size_t line = part.rfind('\n'); line != std::string_view::npos) return line + 1;
  return std::max<size_t>(complete_utf8_prefix(part), 1);
}

// Where the next line that is only a separator begins; the size where there is none.
size_t find_separator(std::string_view text, size_t from) {
  for (size_t at = from; (at = text.find(kSeparator, at)) != std::string_view::npos;
       at += kSeparator.size()) {
    const size_t end = at + kSeparator.size();
    const bool begins = at == 0 || text[at - 1] == '\n';
    const bool ends = end == text.size() || text[end] == '\n' || text[end] == '\r';
    if (begins && ends) return at;
  }
  return text.size();
}

std::string_view without_line_ends(std::string_view text) {
  while (!text.empty() && (text.front() == '\n' || text.front() == '\r')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.remove_suffix(1);
  return text;
}

Result<void> take_text(std::string_view file, std::string_view whole, const TakeDocument& take,
                       const DocumentLimits& limits, ReadBytes read) {
  for (size_t begin = whole.starts_with(kByteOrderMark) ? kByteOrderMark.size() : 0; begin < whole.size();) {
    const size_t end = find_separator(whole, begin);
    std::string_view rest = without_line_ends(whole.substr(begin, end - begin));
    Document document;
    document.where = file;
    while (!rest.empty()) {
      document.text = rest.substr(0, part_end(rest, limits));
      const auto at = static_cast<size_t>(document.text.data() - whole.data());
      HEARTH_TRY(check_text(file, document.text, at));
      HEARTH_TRY(take(document));
      rest.remove_prefix(document.text.size());
      document.continues = true;
      read.until(at);
    }
    begin = end + kSeparator.size();
  }
  return {};
}

Error unexpected(const std::string& where, std::string_view expected, const nlohmann::json& found) {
  return make_error(ErrorCode::kMalformed, "{}: expected {}, found {}", where, expected, found.type_name());
}

Result<const std::string*> text_member(const std::string& where, const nlohmann::json& object,
                                       const char* name) {
  const auto found = object.find(name);
  if (found == object.end()) {
    return make_error(ErrorCode::kMalformed, "{}: expected a member \"{}\", found none", where, name);
  }
  if (!found->is_string()) return unexpected(fmt::format("{}: {}", where, name), "a text", *found);
  return found->get_ptr<const std::string*>();
}

Result<std::vector<ChatMessage>> read_messages(const std::string& where, const nlohmann::json& list) {
  if (!list.is_array()) return unexpected(where + ": messages", "an array", list);
  if (list.empty())
    return make_error(ErrorCode::kMalformed, "{}: messages: expected some, found none", where);
  std::vector<ChatMessage> messages;
  for (const nlohmann::json& item : list) {
    const std::string place = fmt::format("{}: messages[{}]", where, messages.size());
    if (!item.is_object()) return unexpected(place, "an object", item);
    HEARTH_ASSIGN(const std::string* role, text_member(place, item, "role"));
    if (const auto content = item.find("content"); content != item.end() && content->is_null()) {
      messages.push_back({*role, ""});  // one that only calls tools
      continue;
    }
    HEARTH_ASSIGN(const std::string* content, text_member(place, item, "content"));
    messages.push_back({*role, *content});
  }
  return messages;
}

Result<void> take_line(const std::string& where, std::string_view line, const TakeDocument& take) {
  const auto object = parse_json(line);
  if (!object) return object.error().in(where);
  if (!object->is_object()) return unexpected(where, "an object", *object);
  Document document;
  document.where = where;
  if (const auto messages = object->find("messages"); messages != object->end()) {
    HEARTH_ASSIGN(document.messages, read_messages(where, *messages));
    return take(document);
  }
  if (!object->contains("text")) {
    return make_error(ErrorCode::kMalformed, "{}: expected a member \"text\" or \"messages\", found neither",
                      where);
  }
  HEARTH_ASSIGN(const std::string* text, text_member(where, *object, "text"));
  HEARTH_TRY(check_text(where + ": text", *text, 0));
  document.text = *text;
  return take(document);
}

Result<void> take_lines(std::string_view file, std::string_view whole, const TakeDocument& take,
                        const DocumentLimits& limits, ReadBytes read) {
  size_t n_line = 0;
  for (size_t begin = whole.starts_with(kByteOrderMark) ? kByteOrderMark.size() : 0; begin < whole.size();) {
    ++n_line;
    // Looks no further than a line may reach, however long it is.
    const std::string_view window = whole.substr(begin, limits.line_bytes + 1);
    size_t length = window.find('\n');
    if (length == std::string_view::npos) length = window.size();
    if (length > limits.line_bytes) {
      return make_error(ErrorCode::kResourceExhausted,
                        "{}:{}: expected a line of at most {} bytes, found more", file, n_line,
                        limits.line_bytes);
    }
    std::string_view line = window.substr(0, length);
    begin += length + 1;
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    HEARTH_TRY(take_line(fmt::format("{}:{}", file, n_line), line, take));
    read.until(begin - 1);
  }
  return {};
}

std::string extension_of(const fs::path& path) {
  return lower_case(path.extension().string());
}

Result<void> take_documents(const std::string& name, std::string_view bytes, const TakeDocument& take,
                            const DocumentLimits& limits, const ReadBytes& read) {
  return extension_of(name) == ".jsonl" ? take_lines(name, bytes, take, limits, read)
                                        : take_text(name, bytes, take, limits, read);
}

bool is_read(const fs::path& path) {
  const std::string extension = extension_of(path);
  return extension == ".txt" || extension == ".md" || extension == ".jsonl";
}

Result<void> find_below(const fs::path& folder, size_t depth, std::vector<fs::path>& files) {
  if (depth > kMostDepth) {
    return make_error(ErrorCode::kResourceExhausted, "{}: expected folders at most {} deep, found more",
                      folder.string(), kMostDepth);
  }
  std::error_code failed;
  std::vector<fs::directory_entry> entries;
  for (fs::directory_iterator at(folder, failed), end; !failed && at != end; at.increment(failed))
    entries.push_back(*at);
  if (failed) return make_error(ErrorCode::kIo, "{}: {}", folder.string(), failed.message());
  std::sort(entries.begin(), entries.end());
  for (const fs::directory_entry& entry : entries) {
    if (entry.path().filename().native().starts_with('.')) continue;
    // No link to a folder: it may lead back up.
    if (entry.is_directory(failed) && !entry.is_symlink(failed)) {
      HEARTH_TRY(find_below(entry.path(), depth + 1, files));
    } else if (is_read(entry.path()) && entry.is_regular_file(failed)) {
      files.push_back(entry.path());
    }
  }
  return {};
}

}  // namespace

Result<std::vector<fs::path>> find_document_files(const fs::path& path) {
  std::error_code failed;
  const fs::file_status status = fs::status(path, failed);
  if (fs::is_regular_file(status)) return std::vector<fs::path>{path};
  if (status.type() == fs::file_type::not_found) {
    return make_error(ErrorCode::kNotFound, "{}: No such file or directory", path.string());
  }
  if (!fs::status_known(status)) return make_error(ErrorCode::kIo, "{}: {}", path.string(), failed.message());
  if (!fs::is_directory(status)) {
    return make_error(ErrorCode::kInvalidArgument, "{}: expected a file or a folder", path.string());
  }
  std::vector<fs::path> files;
  HEARTH_TRY(find_below(path, 0, files));
  if (files.empty()) {
    return make_error(ErrorCode::kInvalidArgument, "{}: expected .txt, .md or .jsonl files in it, found none",
                      path.string());
  }
  return files;
}

Result<void> read_documents(const fs::path& file, const TakeDocument& take, const DocumentLimits& limits) {
  HEARTH_ASSIGN(const MappedFile mapped, MappedFile::open(file));
  const std::span<const std::byte> bytes = mapped.bytes();
  return take_documents(file.string(), {reinterpret_cast<const char*>(bytes.data()), bytes.size()}, take,
                        limits, ReadBytes(bytes));
}

Result<void> parse_documents(const std::string& name, std::string_view bytes, const TakeDocument& take,
                             const DocumentLimits& limits) {
  return take_documents(name, bytes, take, limits, {});
}

}  // namespace hearth::text
