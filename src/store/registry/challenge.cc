#include "store/registry/challenge.h"

#include <algorithm>
#include <optional>

#include "base/excerpt.h"
#include "base/lower_case.h"

namespace hearth::store::registry {
namespace {

constexpr size_t kMaxHeaderBytes = 8192;
constexpr size_t kMaxChallenges = 16;

bool is_token_character(char c) {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         kMarks.find(c) != std::string_view::npos;
}

class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  bool at_end() const { return rest_.empty(); }
  // Whether there was one.
  bool skip_blanks() {
    const size_t n = std::min(rest_.find_first_not_of(" \t"), rest_.size());
    rest_.remove_prefix(n);
    return n > 0;
  }
  bool skip(char c) {
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  // "" where none stands here.
  std::string_view token() {
    return take([](char c) { return is_token_character(c); });
  }
  std::string_view token68() {
    return take([](char c) { return is_token_character(c) || c == '/' || c == '='; });
  }
  std::optional<std::string> value() {
    if (!skip('"')) {
      const std::string_view text = token();
      return text.empty() ? std::nullopt : std::optional<std::string>(text);
    }
    std::string text;
    while (!rest_.empty()) {
      char c = rest_.front();
      rest_.remove_prefix(1);
      if (c == '"') return text;
      if (c == '\\') {
        if (rest_.empty()) return std::nullopt;
        c = rest_.front();
        rest_.remove_prefix(1);
      }
      if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') return std::nullopt;
      text.push_back(c);
    }
    return std::nullopt;
  }
  // "name=value", where that stands here; the scanner stays where it is otherwise.
  bool is_parameter() const {
    Scanner ahead = *this;
    if (ahead.token().empty()) return false;
    ahead.skip_blanks();
    // "abc==" is a token68; "abc=" at the end too.
    return ahead.skip('=') && !ahead.at_end() && !ahead.rest_.starts_with('=');
  }

 private:
  template <typename Predicate>
  std::string_view take(Predicate belongs) {
    const auto end = std::find_if_not(rest_.begin(), rest_.end(), belongs);
    const std::string_view taken = rest_.substr(0, static_cast<size_t>(end - rest_.begin()));
    rest_.remove_prefix(taken.size());
    return taken;
  }

  std::string_view rest_;
};

// False: the grammar is broken.
bool read_parameter(Scanner& scanner, Challenge& challenge) {
  const std::string name = lower_case(scanner.token());
  scanner.skip_blanks();
  if (!scanner.skip('=')) return false;
  scanner.skip_blanks();
  auto value = scanner.value();
  return value && challenge.parameters.emplace(name, *std::move(value)).second;
}

bool skip_commas(Scanner& scanner) {
  bool any = false;
  scanner.skip_blanks();
  while (scanner.skip(',')) {
    any = true;
    scanner.skip_blanks();
  }
  return any;
}

bool read_challenge(Scanner& scanner, Challenge& challenge) {
  challenge.scheme = lower_case(scanner.token());
  if (challenge.scheme.empty()) return false;
  const bool has_blank = scanner.skip_blanks();
  if (has_blank && !scanner.is_parameter()) (void)scanner.token68();
  if (has_blank && scanner.is_parameter()) {
    do {
      if (!read_parameter(scanner, challenge)) return false;
    } while (skip_commas(scanner) && scanner.is_parameter());
    return true;
  }
  skip_commas(scanner);
  return true;
}

}  // namespace

std::string Challenge::parameter(const std::string& name) const {
  const auto found = parameters.find(name);
  return found == parameters.end() ? "" : found->second;
}

Result<std::vector<Challenge>> parse_challenges(std::string_view header) {
  const auto malformed = [header] {
    return make_error(ErrorCode::kMalformed,
                      "WWW-Authenticate: expected challenges as RFC 9110 has them, found {}",
                      quoted_excerpt(header));
  };
  if (header.size() > kMaxHeaderBytes) return malformed();
  std::vector<Challenge> challenges;
  Scanner scanner(header);
  skip_commas(scanner);
  while (!scanner.at_end()) {
    Challenge challenge;
    if (challenges.size() == kMaxChallenges || !read_challenge(scanner, challenge)) return malformed();
    challenges.push_back(std::move(challenge));
  }
  return challenges;
}

}  // namespace hearth::store::registry
