// Dividing what is scarce.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace hearth::engine {

// Max-min fair shares of `room`: nobody gets more than asked for, and who gets less gets no less than anyone
// else, but for a remainder of one each, which goes to the first of these. All of `room` is given out as long
// as anyone asks. Demands and room are not negative.
std::vector<int64_t> fair_shares(std::span<const int64_t> demands, int64_t room);

}  // namespace hearth::engine
