#include "server/inference/random_id.h"

#include <fmt/format.h>

#include <cstdint>
#include <random>

namespace hearth::server::inference {

std::string random_id(std::string_view prefix) {
  constexpr int kWords = 6;  // of 32 bits each
  std::random_device entropy;
  std::string id(prefix);
  for (int i = 0; i < kWords; ++i) id += fmt::format("{:08x}", static_cast<uint32_t>(entropy()));
  return id;
}

}  // namespace hearth::server::inference
