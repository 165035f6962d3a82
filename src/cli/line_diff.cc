#include "cli/line_diff.h"

#include <algorithm>
#include <cstdint>
#include <span>

namespace hearth::cli {
namespace {

using Lines = std::vector<std::string_view>;

constexpr size_t kMostCells = size_t{4} << 20U;  // of the table: 16 MiB

Lines lines_of(std::string_view text) {
  Lines lines;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    lines.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

// lengths[i * (n + 1) + j]: of the longest common subsequence of a from i on and b from j on.
std::vector<uint32_t> common_lengths(std::span<const std::string_view> a,
                                     std::span<const std::string_view> b) {
  const size_t width = b.size() + 1;
  std::vector<uint32_t> lengths((a.size() + 1) * width);
  for (size_t i = a.size(); i-- > 0;) {
    for (size_t j = b.size(); j-- > 0;) {
      lengths[i * width + j] = a[i] == b[j]
                                   ? lengths[(i + 1) * width + j + 1] + 1
                                   : std::max(lengths[(i + 1) * width + j], lengths[i * width + j + 1]);
    }
  }
  return lengths;
}

}  // namespace

std::vector<std::string> line_diff(std::string_view before, std::string_view after) {
  const Lines all_a = lines_of(before);
  const Lines all_b = lines_of(after);
  std::span<const std::string_view> a = all_a;
  std::span<const std::string_view> b = all_b;
  while (!a.empty() && !b.empty() && a.front() == b.front()) {
    a = a.subspan(1);
    b = b.subspan(1);
  }
  while (!a.empty() && !b.empty() && a.back() == b.back()) {
    a = a.first(a.size() - 1);
    b = b.first(b.size() - 1);
  }
  std::vector<std::string> lines;
  const bool is_small = (a.size() + 1) * (b.size() + 1) <= kMostCells;
  const std::vector<uint32_t> lengths = is_small ? common_lengths(a, b) : std::vector<uint32_t>();
  const size_t width = b.size() + 1;
  size_t i = 0;
  size_t j = 0;
  while (i < a.size() || j < b.size()) {
    if (is_small && i < a.size() && j < b.size() && a[i] == b[j]) {
      ++i;
      ++j;
    } else if (i < a.size() &&
               (!is_small || j == b.size() || lengths[(i + 1) * width + j] >= lengths[i * width + j + 1])) {
      lines.push_back("-" + std::string(a[i++]));
    } else {
      lines.push_back("+" + std::string(b[j++]));
    }
  }
  return lines;
}

}  // namespace hearth::cli
