#include "store/modelfile.h"

#include <algorithm>
#include <array>

#include "base/excerpt.h"
#include "base/utf8.h"
#include "store/model_config.h"

namespace hearth::store {
namespace {

constexpr std::string_view kBlanks = " \t\r";
constexpr std::string_view kTripleQuote = "\"\"\"";

std::string_view without_blanks(std::string_view text) {
  const size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

std::string upper_case(std::string_view text) {
  std::string upper(text);
  std::ranges::transform(upper, upper.begin(),
                         [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
  return upper;
}

template <typename... Args>
Error at_line(size_t line, fmt::format_string<Args...> format, Args&&... args) {
  return make_error(ErrorCode::kMalformed, "line {}: {}", line,
                    fmt::format(format, std::forward<Args>(args)...));
}

// One command, with its value as it is meant.
struct Command {
  size_t line = 0;
  std::string name;  // in capitals
  std::string word;  // the first of two arguments, of PARAMETER and MESSAGE
  std::string value;
};

bool has_two_arguments(std::string_view name) {
  return name == "PARAMETER" || name == "MESSAGE";
}

class Lines {
 public:
  explicit Lines(std::string_view text) : rest_(text) {}

  bool at_end() const noexcept { return rest_.empty(); }
  size_t number() const noexcept { return number_; }  // of the line that next() gave last
  // Without its line feed.
  std::string_view next() {
    const size_t end = rest_.find('\n');
    const std::string_view line = rest_.substr(0, end);
    rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
    ++number_;
    return line;
  }

 private:
  std::string_view rest_;
  size_t number_ = 0;
};

// The value that begins in `first` and may go on over the lines that follow.
Result<std::string> read_value(Lines& lines, std::string_view first) {
  const size_t began = lines.number();
  std::string_view line = without_blanks(first);
  if (!line.starts_with('"')) {
    if (line.empty()) return at_line(began, "expected a value, found nothing");
    return std::string(line);
  }
  const std::string_view quote = line.starts_with(kTripleQuote) ? kTripleQuote : kTripleQuote.substr(0, 1);
  // Only the blanks before the first quote and behind the last one do not count.
  line = first.substr(first.find('"') + quote.size());
  std::string value;
  while (true) {
    const std::string_view trimmed = line.substr(0, line.find_last_not_of(kBlanks) + 1);
    if (trimmed.ends_with(quote)) {
      value += trimmed.substr(0, trimmed.size() - quote.size());
      return value;
    }
    value += line;
    if (lines.at_end())
      return at_line(began, "expected {} at the end of a line, found the end of the file", quote);
    value += '\n';
    line = lines.next();
  }
}

Result<Command> read_command(Lines& lines, std::string_view line) {
  Command command;
  command.line = lines.number();
  const size_t name_end = std::min(line.find_first_of(kBlanks), line.size());
  command.name = upper_case(line.substr(0, name_end));
  std::string_view rest = line.substr(name_end);
  if (has_two_arguments(command.name)) {
    rest = rest.substr(std::min(rest.find_first_not_of(kBlanks), rest.size()));
    const size_t word_end = std::min(rest.find_first_of(kBlanks), rest.size());
    command.word = rest.substr(0, word_end);
    rest = rest.substr(word_end);
    if (command.word.empty())
      return at_line(command.line, "{}: expected two values, found none", command.name);
  }
  auto value = read_value(lines, rest);
  if (!value) return value.error();
  command.value = std::move(*value);
  return command;
}

Result<void> set_from(const Command& command, Modelfile& file) {
  if (!file.from.empty()) {
    return make_error(
        ErrorCode::kUnsupported,
        "line {}: expected one FROM, found another: projectors and weights of several FROMs are "
        "not part of this version",
        command.line);
  }
  if (command.value.empty()) return at_line(command.line, "FROM: expected a file or a model, found nothing");
  file.from = command.value;
  return {};
}

Result<void> add_message(const Command& command, Modelfile& file) {
  static constexpr std::array<std::string_view, 3> kRoles{"system", "user", "assistant"};
  if (std::ranges::find(kRoles, command.word) == kRoles.end()) {
    return at_line(command.line, "MESSAGE: expected system, user or assistant, found {}",
                   quoted_excerpt(command.word));
  }
  file.messages.push_back({command.word, command.value});
  return {};
}

Result<void> set_requires(const Command& command, Modelfile& file) {
  file.requires_version = command.value.starts_with('v') ? command.value.substr(1) : command.value;
  const auto checked = check_requires(file.requires_version);
  if (checked) return {};
  return checked.error().in(fmt::format("line {}", command.line));
}

Result<void> apply(const Command& command, Modelfile& file) {
  const std::string& name = command.name;
  if (name == "FROM") return set_from(command, file);
  if (name == "MESSAGE") return add_message(command, file);
  if (name == "REQUIRES") return set_requires(command, file);
  if (name == "TEMPLATE") {
    file.template_source = command.value;
  } else if (name == "SYSTEM") {
    file.system = command.value;
  } else if (name == "LICENSE") {
    file.licenses.push_back(command.value);
  } else if (name == "ADAPTER") {
    file.adapters.push_back(command.value);
  } else if (name == "PARAMETER") {
    file.parameters.push_back({command.word, command.value, command.line});
  } else if (name == "DRAFT" || name == "RENDERER" || name == "PARSER") {
    return make_error(ErrorCode::kUnsupported, "line {}: {} is not part of this version", command.line, name);
  } else {
    return at_line(
        command.line,
        "expected FROM, PARAMETER, TEMPLATE, SYSTEM, ADAPTER, LICENSE, MESSAGE or REQUIRES, found {}",
        quoted_excerpt(name));
  }
  return {};
}

Result<void> check_text(std::string_view text) {
  if (text.size() > kMaxModelfileBytes) {
    return make_error(ErrorCode::kResourceExhausted, "expected at most {} bytes, found {}",
                      kMaxModelfileBytes, text.size());
  }
  size_t line = 1;
  while (!text.empty()) {
    const DecodedCharacter character = decode_utf8(text);
    if (!character.valid) return at_line(line, "expected UTF-8, found bytes that are none");
    if (character.code_point == 0) return at_line(line, "expected a text, found a NUL");
    if (character.code_point == '\n') ++line;
    text.remove_prefix(character.length_bytes);
  }
  return {};
}

Result<Modelfile> read(std::string_view text) {
  HEARTH_TRY(check_text(text));
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  Modelfile file;
  Lines lines(text);
  size_t n_commands = 0;
  while (!lines.at_end()) {
    const std::string_view raw = lines.next();
    const std::string_view line = raw.substr(std::min(raw.find_first_not_of(kBlanks), raw.size()));
    if (line.empty() || line.starts_with('#')) continue;
    if (++n_commands > kMaxModelfileCommands) {
      return make_error(ErrorCode::kResourceExhausted, "line {}: expected at most {} commands, found more",
                        lines.number(), kMaxModelfileCommands);
    }
    HEARTH_ASSIGN(const Command command, read_command(lines, line));
    HEARTH_TRY(apply(command, file));
  }
  if (file.from.empty()) return Error(ErrorCode::kMalformed, "expected a line FROM, found none");
  return file;
}

}  // namespace

Result<Modelfile> Modelfile::parse(std::string_view text) {
  auto file = read(text);
  if (!file) return file.error().in("Modelfile");
  return file;
}

std::optional<std::string> modelfile_quoted(std::string_view text) {
  if (text.find('\0') != std::string_view::npos) return std::nullopt;
  Lines lines(text);
  while (!lines.at_end()) {
    const std::string_view line = lines.next();
    // It would end there.
    const bool ends = line.substr(0, line.find_last_not_of(kBlanks) + 1).ends_with(kTripleQuote);
    if (ends && !lines.at_end()) return std::nullopt;
  }
  return fmt::format("{}{}{}", kTripleQuote, text, kTripleQuote);
}

}  // namespace hearth::store
