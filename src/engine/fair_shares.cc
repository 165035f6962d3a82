#include "engine/fair_shares.h"

#include <algorithm>

namespace hearth::engine {

std::vector<int64_t> fair_shares(std::span<const int64_t> demands, int64_t room) {
  std::vector<int64_t> ascending(demands.begin(), demands.end());
  std::sort(ascending.begin(), ascending.end());
  // Those who ask for less than an even part of what is left are served in full, which leaves more to the
  // others.
  auto n_left = static_cast<int64_t>(demands.size());
  for (const int64_t demand : ascending) {
    if (demand > room / n_left) break;
    room -= demand;
    --n_left;
  }
  std::vector<int64_t> shares(demands.begin(), demands.end());
  if (n_left == 0) return shares;
  const int64_t even = room / n_left;
  int64_t remainder = room % n_left;
  for (int64_t& share : shares) {
    if (share <= even) continue;
    share = even + (remainder > 0 ? 1 : 0);
    remainder -= remainder > 0 ? 1 : 0;
  }
  return shares;
}

}  // namespace hearth::engine
