#include "server/openai/answer_head.h"

#include "server/inference/random_id.h"
#include "server/wire/timestamp.h"

namespace hearth::server::openai {

wire::Json AnswerHead::object(std::string_view kind) const {
  return {{"id", id},
          {"object", kind},
          {"created", created},
          {"model", model},
          {"system_fingerprint", fingerprint}};
}

AnswerHead make_answer_head(std::string_view prefix, std::string model, const CatalogEntry& entry,
                            WallTime now) {
  constexpr size_t kFingerprintDigits = 12;
  return {.id = inference::random_id(prefix),
          .created = wire::unix_seconds(now),
          .model = std::move(model),
          .fingerprint = "fp_" + entry.digest.substr(0, kFingerprintDigits)};
}

std::string_view finish_reason(const protocol::Finished& finished, bool has_calls) {
  if (finished.reason() != protocol::Finished::STOP) return "length";
  return has_calls ? "tool_calls" : "stop";
}

}  // namespace hearth::server::openai
