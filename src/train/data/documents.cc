#include "train/data/documents.h"

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/json_text.h"
#include "base/mapped_file.h"
#include "base/utf8.h"

namespace hearth::train {
namespace {

namespace fs = std::filesystem;

constexpr size_t kPartBytes = size_t{1} << 20;
constexpr size_t kMostLineBytes = size_t{16} << 20;
constexpr size_t kMostDepth = 64;  // of folders
constexpr std::string_view kSeparator = "<|endoftext|>";

// The bytes of a mapping that were read need not stay in memory.
class ReadBytes {
 public:
  explicit ReadBytes(std::span<const std::byte> bytes) : bytes_(bytes) {}

  void until(size_t end) {
    if (end - released_ < kMostLineBytes) return;
    MappedFile::release(bytes_.subspan(released_, end - released_));
    released_ = end;
  }

 private:
  std::span<const std::byte> bytes_;
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

// Where the first part of a text ends: behind its last line of those within a part's size, else within a
// line, between characters.
size_t part_end(std::string_view text) {
  if (text.size() <= kPartBytes) return text.size();
  const size_t line = text.substr(0, kPartBytes).rfind('\n');
  if (line != std::string_view::npos && line > 0) return line;
  return std::max<size_t>(complete_utf8_prefix(text.substr(0, kPartBytes)), 1);
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

Result<void> take_text(std::string_view file, std::string_view whole, const TakeDocument& take) {
  ReadBytes read(std::as_bytes(std::span(whole)));
  for (size_t begin = 0; begin < whole.size();) {
    const size_t end = find_separator(whole, begin);
    std::string_view rest = without_line_ends(whole.substr(begin, end - begin));
    Document document;
    document.where = file;
    while (!rest.empty()) {
      document.text = rest.substr(0, part_end(rest));
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

Result<std::vector<text::ChatMessage>> read_messages(const std::string& where, const nlohmann::json& list) {
  if (!list.is_array()) return unexpected(where + ": messages", "an array", list);
  if (list.empty())
    return make_error(ErrorCode::kMalformed, "{}: messages: expected some, found none", where);
  std::vector<text::ChatMessage> messages;
  for (const nlohmann::json& item : list) {
    const std::string place = fmt::format("{}: messages[{}]", where, messages.size());
    if (!item.is_object()) return unexpected(place, "an object", item);
    HEARTH_ASSIGN(const std::string* role, text_member(place, item, "role"));
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

Result<void> take_lines(std::string_view file, std::string_view whole, const TakeDocument& take) {
  ReadBytes read(std::as_bytes(std::span(whole)));
  size_t n_line = 0;
  for (size_t begin = 0; begin < whole.size();) {
    ++n_line;
    // Looks no further than a line may reach, however long it is.
    const std::string_view window = whole.substr(begin, kMostLineBytes + 1);
    size_t length = window.find('\n');
    if (length == std::string_view::npos) length = window.size();
    if (length > kMostLineBytes) {
      return make_error(ErrorCode::kResourceExhausted,
                        "{}:{}: expected a line of at most {} bytes, found more", file, n_line,
                        kMostLineBytes);
    }
    std::string_view line = window.substr(0, length);
    begin += length + 1;
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    HEARTH_TRY(take_line(fmt::format("{}:{}", file, n_line), line, take));
    read.until(begin - 1);
  }
  return {};
}

Result<void> read_file(const fs::path& path, const TakeDocument& take, ReadReport& report) {
  HEARTH_ASSIGN(const MappedFile file, MappedFile::open(path));
  const std::string_view bytes(reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size());
  ++report.n_files;
  report.n_bytes += bytes.size();
  const std::string name = path.string();
  return path.extension() == ".jsonl" ? take_lines(name, bytes, take) : take_text(name, bytes, take);
}

bool is_read(const fs::path& path) {
  const fs::path extension = path.extension();
  return extension == ".txt" || extension == ".md" || extension == ".jsonl";
}

Result<void> read_folder(const fs::path& folder, size_t depth, const TakeDocument& take, ReadReport& report) {
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
      HEARTH_TRY(read_folder(entry.path(), depth + 1, take, report));
    } else if (entry.is_regular_file(failed) && is_read(entry.path())) {
      HEARTH_TRY(read_file(entry.path(), take, report));
    } else {
      ++report.n_left_out;
    }
  }
  return {};
}

}  // namespace

Result<ReadReport> read_documents(const fs::path& path, const TakeDocument& take) {
  ReadReport report;
  std::error_code ignored;
  if (!fs::is_directory(path, ignored)) {
    HEARTH_TRY(read_file(path, take, report));
    return report;
  }
  HEARTH_TRY(read_folder(path, 0, take, report));
  if (report.n_files == 0) {
    return make_error(ErrorCode::kInvalidArgument,
                      "{}: expected .txt, .md or .jsonl files, found none among {} of other kinds",
                      path.string(), report.n_left_out);
  }
  return report;
}

}  // namespace hearth::train
