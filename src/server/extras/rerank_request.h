// The body of POST /v1/rerank, and the order that vectors put documents into.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "protocol/engine.pb.h"
#include "server/inference/model_choice.h"

namespace hearth::server::extras {

struct RerankRequest {
  inference::ModelChoice model;
  protocol::Embed embed;  // the query, then the documents
  size_t top_n = 0;       // at most the number of documents
  bool return_documents = false;
};

// 400 names the first field that is wrong.
wire::ApiResult<RerankRequest> read_rerank_request(std::string_view body);

struct Ranked {
  size_t document;
  double score;  // the cosine of the angle between the document's vector and the query's: -1 to 1
};

// The documents in descending order of their scores; those of the same score in the order of the request.
// `vectors`: the query's, then the documents'. kMalformed where they are not of one length.
Result<std::vector<Ranked>> rank_documents(const protocol::Vectors& vectors);

}  // namespace hearth::server::extras
