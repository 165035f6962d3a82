#include "cli/nearest_names.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

namespace hearth::cli {
namespace {

// Optimal string alignment distance: Levenshtein's, with a swap of neighbours as one mistake.
size_t typing_mistakes(std::string_view a, std::string_view b) {
  std::vector<size_t> before_last(b.size() + 1);
  std::vector<size_t> last(b.size() + 1);
  std::vector<size_t> current(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    current[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      current[j] = std::min({replaced, last[j] + 1, current[j - 1] + 1});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) current[j] = std::min(current[j], before_last[j - 2] + 1);
    }
    std::swap(before_last, last);
    std::swap(last, current);
  }
  return last[b.size()];
}

}  // namespace

std::vector<std::string> nearest_names(std::string_view typed, std::span<const std::string> known) {
  constexpr size_t kMostNames = 3;
  constexpr size_t kLongestTyped = 200;
  if (typed.empty() || typed.size() > kLongestTyped) return {};
  std::vector<std::pair<size_t, std::string>> near;
  for (const std::string& name : known) {
    const bool begins = name.size() > typed.size() && name.starts_with(typed);
    const size_t mistakes = begins ? 1 : typing_mistakes(typed, name);
    if (mistakes <= std::max<size_t>(1, std::min(typed.size(), name.size()) / 3))
      near.emplace_back(mistakes, name);
  }
  std::sort(near.begin(), near.end());
  std::vector<std::string> names;
  for (size_t i = 0; i < near.size() && i < kMostNames; ++i) names.push_back(std::move(near[i].second));
  return names;
}

std::string did_you_mean(std::string_view typed, std::span<const std::string> known) {
  const std::vector<std::string> names = nearest_names(typed, known);
  return names.empty() ? std::string() : fmt::format("; did you mean {}?", fmt::join(names, " or "));
}

}  // namespace hearth::cli
