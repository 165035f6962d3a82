// What a safetensors file may ask of Hearth: the format's own limit on the header, and others wider than any
// file in use.
#pragma once

#include <cstdint>

namespace hearth::safetensors {

constexpr uint64_t kMaxHeaderBytes = 100'000'000;  // the format's
constexpr uint64_t kMaxTensors = 262'144;          // of all shards together
constexpr uint64_t kMaxNameBytes = 65'535;
constexpr uint64_t kMaxMetadataPairs = 65'536;
constexpr uint64_t kMaxRank = 8;
constexpr uint64_t kMaxShards = 1'024;
constexpr uint64_t kMaxIndexBytes = 64'000'000;  // of model.safetensors.index.json

}  // namespace hearth::safetensors
