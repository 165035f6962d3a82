// Errors as they cross a connection.
#pragma once

#include "base/result.h"
#include "protocol/engine.pb.h"

namespace hearth::protocol {

Failure failure_of(const Error& error);
// INTERNAL, and codes of a later version, become kUnavailable: the request was not at fault.
Error error_of(const Failure& failure);

}  // namespace hearth::protocol
