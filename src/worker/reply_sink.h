#pragma once

#include <functional>

#include "base/result.h"
#include "protocol/engine.pb.h"

namespace hearth::worker {

// Takes the replies of calls, to be sent in their order.
using ReplySink = std::function<void(const protocol::Reply& reply)>;

// Ends call `id` with an error.
void send_failure(const ReplySink& send, uint64_t id, const Error& error);

}  // namespace hearth::worker
