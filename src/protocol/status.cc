#include "protocol/status.h"

#include <array>
#include <utility>

namespace hearth::protocol {
namespace {

constexpr std::array<std::pair<ErrorCode, Failure::Code>, 9> kCodes = {{
    {ErrorCode::kUsage, Failure::USAGE},
    {ErrorCode::kInvalidArgument, Failure::INVALID_ARGUMENT},
    {ErrorCode::kNotFound, Failure::NOT_FOUND},
    {ErrorCode::kMalformed, Failure::MALFORMED},
    {ErrorCode::kUnsupported, Failure::UNSUPPORTED},
    {ErrorCode::kResourceExhausted, Failure::RESOURCE_EXHAUSTED},
    {ErrorCode::kUnavailable, Failure::UNAVAILABLE},
    {ErrorCode::kCancelled, Failure::CANCELLED},
    {ErrorCode::kIo, Failure::IO},
}};

}  // namespace

Failure failure_of(const Error& error) {
  Failure failure;
  failure.set_message(error.message());
  for (const auto& [code, wire] : kCodes) {
    if (code == error.code()) failure.set_code(wire);
  }
  return failure;
}

Error error_of(const Failure& failure) {
  for (const auto& [code, wire] : kCodes) {
    if (wire == failure.code()) return {code, failure.message()};
  }
  return {ErrorCode::kUnavailable, failure.message()};
}

}  // namespace hearth::protocol
