// The `options` of Ollama's requests, and its keep_alive.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "protocol/engine.pb.h"
#include "server/http/responder.h"
#include "server/models/model_service.h"
#include "server/wire/json_body.h"
#include "store/modelfile.h"

namespace hearth::server::ollama {

struct RunOptions {
  protocol::Sampling sampling;
  std::optional<int64_t> max_tokens;  // num_predict, where it limits anything
  std::optional<int64_t> num_ctx;
  std::vector<std::string> stop;
  std::vector<std::string> unknown;  // names that mean nothing here
};

// `options` may be absent. Wrong types and ranges are noted in the body; options that say how a machine
// should compute (num_gpu, num_thread, use_mmap, ...) are checked, and are the server's to decide.
RunOptions read_run_options(const wire::Field& options);

// The PARAMETERs of a Modelfile with their types, as /api/create takes them; those of one name become a list
// where they are lists. What is wrong is told with its line.
wire::ApiResult<wire::Json> read_modelfile_parameters(
    const std::vector<store::Modelfile::Parameter>& parameters);

// Hearth-Warning: what was ignored; none where nothing was.
http::Headers warnings(const std::vector<std::string>& unknown_options);

}  // namespace hearth::server::ollama
