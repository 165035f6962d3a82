// Whether a further model fits, reckoned before it is loaded.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "protocol/engine.pb.h"

namespace hearth::server {

// What a model that is loaded, or about to be, was promised.
struct MemoryClaim {
  protocol::Memory promised;
  uint64_t private_bytes = 0;  // what its process has of that by now, files not counted
};

uint64_t total_bytes(const protocol::Memory& memory);

// Bytes that a further model may take. `available` is the machine's by now: weights in the page cache and
// what the models have not touched yet still count as available there, and are taken off here. `budget`,
// unless it is 0, is for all models together.
uint64_t room_for_models(uint64_t available, uint64_t budget, std::span<const MemoryClaim> claims);

// "model 'x': its adapter needs ...".
std::string adapter_shortage_message(const std::string& model, uint64_t need, uint64_t room);
// "model 'x' needs 5.2 GB of memory (...), and there are 3.0 GB ...".
// `room` is what there would be without any other model.
std::string shortage_message(const std::string& model, const protocol::Opened& opened, uint64_t room,
                             uint64_t budget);

}  // namespace hearth::server
