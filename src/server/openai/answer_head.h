// What every object and every chunk of an answer begins with.
#pragma once

#include <string>
#include <string_view>

#include "server/models/model_service.h"
#include "server/wire/json_text.h"

namespace hearth::server::openai {

struct AnswerHead {
  std::string id;
  int64_t created = 0;      // seconds since 1970
  std::string model;        // as the client wrote it
  std::string fingerprint;  // of the weights: the same for as long as they are

  // {id, object, created, model, system_fingerprint}
  wire::Json object(std::string_view kind) const;
};

// `prefix`: of the random id.
AnswerHead make_answer_head(std::string_view prefix, std::string model, const CatalogEntry& entry,
                            WallTime now);

// "stop" or "length"; "tool_calls" where an answer that has some came to its end.
std::string_view finish_reason(const protocol::Finished& finished, bool has_calls = false);

}  // namespace hearth::server::openai
