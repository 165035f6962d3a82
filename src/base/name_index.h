// Finds entries by name: a list of indices in the order of the names, four bytes an entry.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <numeric>
#include <optional>
#include <string_view>
#include <vector>

namespace hearth {

using NameIndex = std::vector<uint32_t>;

// `name` is a pointer to the member of Item that holds its name, a string or a view of one.
template <typename Item, typename Name>
NameIndex index_by_name(const std::vector<Item>& items, Name Item::*name) {
  NameIndex index(items.size());
  std::iota(index.begin(), index.end(), uint32_t{0});
  std::ranges::sort(index, {}, [&](uint32_t i) -> std::string_view { return items[i].*name; });
  return index;
}

// A name that occurs more than once, if there is one.
template <typename Item, typename Name>
std::optional<std::string_view> find_duplicate(const std::vector<Item>& items, const NameIndex& index,
                                               Name Item::*name) {
  const auto twice =
      std::ranges::adjacent_find(index, {}, [&](uint32_t i) -> std::string_view { return items[i].*name; });
  if (twice == index.end()) return std::nullopt;
  return items[*twice].*name;
}

// Null where no entry has the name.
template <typename Item, typename Name>
const Item* find_by_name(const std::vector<Item>& items, const NameIndex& index, Name Item::*name,
                         std::string_view wanted) {
  const auto at = std::ranges::lower_bound(index, wanted, {},
                                           [&](uint32_t i) -> std::string_view { return items[i].*name; });
  return at != index.end() && items[*at].*name == wanted ? &items[*at] : nullptr;
}

}  // namespace hearth
