// What a GGUF file may ask of Hearth. Wider than any file in use, and low enough that the tables made from a
// file of tiny entries stay within the 64 MiB that gguf.h promises (gguf_memory_test.cc measures it).
#pragma once

#include <cstdint>

namespace hearth::gguf {

constexpr uint32_t kMinVersion = 2;
constexpr uint32_t kMaxVersion = 3;

constexpr uint64_t kMaxMetadataPairs = 65'536;
constexpr uint64_t kMaxTensors = 262'144;   // of all parts together
constexpr uint64_t kMaxNameBytes = 65'535;  // of a metadata key, which the format limits, or a tensor name
constexpr uint64_t kMaxParts = 1'024;       // of a split

// The least that the format allows is 8, so that every element type is aligned in memory as well.
constexpr uint32_t kMinAlignment = 8;
constexpr uint32_t kMaxAlignment = 65'536;
constexpr uint32_t kDefaultAlignment = 32;

}  // namespace hearth::gguf
