#include "text/grammar/unicode_ranges.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>

namespace hearth::text::grammar {
namespace {

constexpr char32_t kLastCharacter = 0x10FFFF;

constexpr uint32_t bit(utf8proc_category_t category) {
  return uint32_t{1} << static_cast<unsigned>(category);
}

constexpr uint32_t kLetters = bit(UTF8PROC_CATEGORY_LU) | bit(UTF8PROC_CATEGORY_LL) |
                              bit(UTF8PROC_CATEGORY_LT) | bit(UTF8PROC_CATEGORY_LM) |
                              bit(UTF8PROC_CATEGORY_LO);
constexpr uint32_t kCased = bit(UTF8PROC_CATEGORY_LU) | bit(UTF8PROC_CATEGORY_LL) | bit(UTF8PROC_CATEGORY_LT);
constexpr uint32_t kMarks = bit(UTF8PROC_CATEGORY_MN) | bit(UTF8PROC_CATEGORY_MC) | bit(UTF8PROC_CATEGORY_ME);
constexpr uint32_t kNumbers =
    bit(UTF8PROC_CATEGORY_ND) | bit(UTF8PROC_CATEGORY_NL) | bit(UTF8PROC_CATEGORY_NO);
constexpr uint32_t kPunctuation = bit(UTF8PROC_CATEGORY_PC) | bit(UTF8PROC_CATEGORY_PD) |
                                  bit(UTF8PROC_CATEGORY_PS) | bit(UTF8PROC_CATEGORY_PE) |
                                  bit(UTF8PROC_CATEGORY_PI) | bit(UTF8PROC_CATEGORY_PF) |
                                  bit(UTF8PROC_CATEGORY_PO);
constexpr uint32_t kSymbols = bit(UTF8PROC_CATEGORY_SM) | bit(UTF8PROC_CATEGORY_SC) |
                              bit(UTF8PROC_CATEGORY_SK) | bit(UTF8PROC_CATEGORY_SO);
constexpr uint32_t kSeparators =
    bit(UTF8PROC_CATEGORY_ZS) | bit(UTF8PROC_CATEGORY_ZL) | bit(UTF8PROC_CATEGORY_ZP);
constexpr uint32_t kOther = bit(UTF8PROC_CATEGORY_CN) | bit(UTF8PROC_CATEGORY_CC) |
                            bit(UTF8PROC_CATEGORY_CF) | bit(UTF8PROC_CATEGORY_CS) | bit(UTF8PROC_CATEGORY_CO);

struct Category {
  std::string_view short_name;
  std::string_view long_name;
  uint32_t mask;
};

// Source: PropertyValueAliases.txt of the Unicode Character Database, gc.
constexpr std::array kCategories{
    Category{"L", "Letter", kLetters},
    Category{"LC", "Cased_Letter", kCased},
    Category{"Lu", "Uppercase_Letter", bit(UTF8PROC_CATEGORY_LU)},
    Category{"Ll", "Lowercase_Letter", bit(UTF8PROC_CATEGORY_LL)},
    Category{"Lt", "Titlecase_Letter", bit(UTF8PROC_CATEGORY_LT)},
    Category{"Lm", "Modifier_Letter", bit(UTF8PROC_CATEGORY_LM)},
    Category{"Lo", "Other_Letter", bit(UTF8PROC_CATEGORY_LO)},
    Category{"M", "Mark", kMarks},
    Category{"M", "Combining_Mark", kMarks},
    Category{"Mn", "Nonspacing_Mark", bit(UTF8PROC_CATEGORY_MN)},
    Category{"Mc", "Spacing_Mark", bit(UTF8PROC_CATEGORY_MC)},
    Category{"Me", "Enclosing_Mark", bit(UTF8PROC_CATEGORY_ME)},
    Category{"N", "Number", kNumbers},
    Category{"Nd", "Decimal_Number", bit(UTF8PROC_CATEGORY_ND)},
    Category{"Nd", "digit", bit(UTF8PROC_CATEGORY_ND)},
    Category{"Nl", "Letter_Number", bit(UTF8PROC_CATEGORY_NL)},
    Category{"No", "Other_Number", bit(UTF8PROC_CATEGORY_NO)},
    Category{"P", "Punctuation", kPunctuation},
    Category{"P", "punct", kPunctuation},
    Category{"Pc", "Connector_Punctuation", bit(UTF8PROC_CATEGORY_PC)},
    Category{"Pd", "Dash_Punctuation", bit(UTF8PROC_CATEGORY_PD)},
    Category{"Ps", "Open_Punctuation", bit(UTF8PROC_CATEGORY_PS)},
    Category{"Pe", "Close_Punctuation", bit(UTF8PROC_CATEGORY_PE)},
    Category{"Pi", "Initial_Punctuation", bit(UTF8PROC_CATEGORY_PI)},
    Category{"Pf", "Final_Punctuation", bit(UTF8PROC_CATEGORY_PF)},
    Category{"Po", "Other_Punctuation", bit(UTF8PROC_CATEGORY_PO)},
    Category{"S", "Symbol", kSymbols},
    Category{"Sm", "Math_Symbol", bit(UTF8PROC_CATEGORY_SM)},
    Category{"Sc", "Currency_Symbol", bit(UTF8PROC_CATEGORY_SC)},
    Category{"Sk", "Modifier_Symbol", bit(UTF8PROC_CATEGORY_SK)},
    Category{"So", "Other_Symbol", bit(UTF8PROC_CATEGORY_SO)},
    Category{"Z", "Separator", kSeparators},
    Category{"Zs", "Space_Separator", bit(UTF8PROC_CATEGORY_ZS)},
    Category{"Zl", "Line_Separator", bit(UTF8PROC_CATEGORY_ZL)},
    Category{"Zp", "Paragraph_Separator", bit(UTF8PROC_CATEGORY_ZP)},
    Category{"C", "Other", kOther},
    Category{"Cc", "Control", bit(UTF8PROC_CATEGORY_CC)},
    Category{"Cc", "cntrl", bit(UTF8PROC_CATEGORY_CC)},
    Category{"Cf", "Format", bit(UTF8PROC_CATEGORY_CF)},
    Category{"Cn", "Unassigned", bit(UTF8PROC_CATEGORY_CN)},
    Category{"Co", "Private_Use", bit(UTF8PROC_CATEGORY_CO)},
    Category{"Cs", "Surrogate", bit(UTF8PROC_CATEGORY_CS)},
};

// Runs of characters of one category, all there are.
struct Run {
  CodePointRange range;
  uint32_t mask;
};

const std::vector<Run>& runs() {
  static const std::vector<Run> kRuns = [] {
    std::vector<Run> made;
    for (char32_t c = 0; c <= kLastCharacter; ++c) {
      const uint32_t mask = bit(utf8proc_category(static_cast<utf8proc_int32_t>(c)));
      if (!made.empty() && made.back().mask == mask) {
        made.back().range.last = c;
      } else {
        made.push_back({{c, c}, mask});
      }
    }
    return made;
  }();
  return kRuns;
}

CharacterSet of_categories(uint32_t mask) {
  CharacterSet set;
  for (const Run& run : runs()) {
    if ((run.mask & mask) != 0) set.push_back(run.range);
  }
  return normalised(std::move(set));
}

}  // namespace

CharacterSet normalised(CharacterSet ranges) {
  std::sort(ranges.begin(), ranges.end(),
            [](const CodePointRange& a, const CodePointRange& b) { return a.first < b.first; });
  CharacterSet merged;
  for (const CodePointRange& range : ranges) {
    if (range.last < range.first) continue;
    if (!merged.empty() && range.first <= merged.back().last + 1) {
      merged.back().last = std::max(merged.back().last, range.last);
    } else {
      merged.push_back(range);
    }
  }
  return merged;
}

CharacterSet complement(const CharacterSet& set) {
  CharacterSet others;
  char32_t next = 0;
  for (const CodePointRange& range : set) {
    if (range.first > next) others.push_back({next, range.first - 1});
    next = range.last + 1;
  }
  if (next <= kLastCharacter) others.push_back({next, kLastCharacter});
  return others;
}

std::optional<CharacterSet> characters_with_property(std::string_view name) {
  for (const std::string_view prefix : {"General_Category=", "gc="}) {
    if (name.substr(0, prefix.size()) == prefix) name.remove_prefix(prefix.size());
  }
  if (name == "Any") return CharacterSet{{0, kLastCharacter}};
  if (name == "ASCII") return CharacterSet{{0, 0x7F}};
  if (name == "Assigned") return of_categories(~bit(UTF8PROC_CATEGORY_CN));
  for (const Category& category : kCategories) {
    if (name == category.short_name || name == category.long_name) return of_categories(category.mask);
  }
  return std::nullopt;
}

}  // namespace hearth::text::grammar
