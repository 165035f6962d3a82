// The process that talks to registries: the only one that asks other machines for anything, and alive only
// while a model is pulled or pushed (docs/decisions/0021-fetcher-process.md).
#pragma once

#include "base/result.h"
#include "base/unique_descriptor.h"

namespace hearth::fetcher {

// The descriptor that the front gives it.
inline constexpr int kSocketDescriptor = 3;

// Reads the order (protocol/fetcher.proto) from a stream socket, seals the process, does what it was told,
// and reports it. Then waits until the front closes the socket: it keeps the blobs in use until their
// manifest is written. Seals the calling process for good. The result is the order's: its error was reported
// too, unless the front has gone.
Result<void> carry_out_order(UniqueDescriptor socket);

}  // namespace hearth::fetcher
