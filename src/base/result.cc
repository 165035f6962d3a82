#include "base/result.h"

namespace hearth {

const ErrorTraits& error_traits(ErrorCode code) noexcept {
  static constexpr ErrorTraits kUsage{"usage", 400, 2};
  static constexpr ErrorTraits kInvalidArgument{"invalid argument", 400, 1};
  static constexpr ErrorTraits kNotFound{"not found", 404, 1};
  static constexpr ErrorTraits kMalformed{"malformed", 400, 1};
  static constexpr ErrorTraits kUnsupported{"unsupported", 400, 1};
  static constexpr ErrorTraits kResourceExhausted{"resource exhausted", 400, 1};
  static constexpr ErrorTraits kUnavailable{"unavailable", 503, 1};
  static constexpr ErrorTraits kCancelled{"cancelled", 499, 130};
  static constexpr ErrorTraits kIo{"input/output", 500, 1};
  switch (code) {
    case ErrorCode::kUsage:
      return kUsage;
    case ErrorCode::kInvalidArgument:
      return kInvalidArgument;
    case ErrorCode::kNotFound:
      return kNotFound;
    case ErrorCode::kMalformed:
      return kMalformed;
    case ErrorCode::kUnsupported:
      return kUnsupported;
    case ErrorCode::kResourceExhausted:
      return kResourceExhausted;
    case ErrorCode::kUnavailable:
      return kUnavailable;
    case ErrorCode::kCancelled:
      return kCancelled;
    case ErrorCode::kIo:
      return kIo;
  }
  check_failed(__FILE__, __LINE__, "every ErrorCode has its traits");
}

}  // namespace hearth
