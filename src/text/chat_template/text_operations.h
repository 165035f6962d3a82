// Searching, splitting and joining text, shared by the methods of str and the filters. All pay from the
// budget.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "text/chat_template/runtime.h"
#include "text/chat_template/unicode.h"

namespace hearth::text::jinja {

// Strips white space, or with `only_characters` whichever of `characters` stand at the ends.
Result<std::string_view> strip_text(Runtime& runtime, std::string_view text, bool only_characters,
                                    std::string_view characters, Side side);

// At most `most` cuts (negative: all). An empty separator splits at runs of white space, as str.split() does.
Result<std::vector<std::string_view>> split_from_left(Runtime& runtime, std::string_view text,
                                                      std::string_view separator, int64_t most);
Result<std::vector<std::string_view>> split_from_right(Runtime& runtime, std::string_view text,
                                                       std::string_view separator, int64_t most);
// str.splitlines: at \n, \r\n, \r, and Unicode's other line boundaries.
Result<std::vector<std::string_view>> split_lines(Runtime& runtime, std::string_view text, bool keep_ends);

// The last occurrence; npos where there is none.
Result<size_t> find_last(Runtime& runtime, std::string_view text, std::string_view wanted);
// At most `most` replacements (negative: all). An empty `wanted` stands between all characters.
Result<std::string> replace_text(Runtime& runtime, std::string_view text, std::string_view wanted,
                                 std::string_view substitute, int64_t most);
// str() of each item, with `separator` between them.
Result<std::string> join_text(Runtime& runtime, const std::vector<Value>& items, std::string_view separator);

bool has_only_case(std::string_view text, bool (*wanted)(char32_t), bool (*other)(char32_t));

}  // namespace hearth::text::jinja
