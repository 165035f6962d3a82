#include "server/wire/api_error.h"

#include "protocol/status.h"

namespace hearth::server::wire {

ApiError::ApiError(const Error& error)
    : status(error_traits(error.code()).http_status), message(error.message()) {}

ApiError api_error_of(const protocol::Failure& failure) {
  ApiError error(protocol::error_of(failure));
  // Our own bug, and not an overload that passes.
  if (failure.code() == protocol::Failure::INTERNAL) error.status = 500;
  return error;
}

}  // namespace hearth::server::wire
