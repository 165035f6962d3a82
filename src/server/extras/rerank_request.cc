#include "server/extras/rerank_request.h"

#include <algorithm>
#include <cmath>

namespace hearth::server::extras {
namespace {

using wire::Field;

constexpr size_t kMaxDocuments = 2048;

using Numbers = google::protobuf::RepeatedField<float>;

double dot(const Numbers& a, const Numbers& b) {
  double sum = 0;
  for (int i = 0; i < a.size(); ++i) sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  return sum;
}

// 0 where one of them has no direction.
double cosine(const Numbers& a, const Numbers& b) {
  const double lengths = std::sqrt(dot(a, a)) * std::sqrt(dot(b, b));
  return lengths > 0 ? std::clamp(dot(a, b) / lengths, -1.0, 1.0) : 0;
}

void read_documents(const Field& documents, protocol::Embed& embed) {
  const std::vector<Field> items = documents.required().items();
  if (documents.present() && (items.empty() || items.size() > kMaxDocuments)) {
    return documents.reject(fmt::format("expected 1 to {} documents, found {}", kMaxDocuments, items.size()));
  }
  for (const Field& item : items) {
    const Field text = item.json().is_object() ? item["text"].required() : item;
    embed.add_texts(text.string().value_or(""));
  }
}

}  // namespace

wire::ApiResult<RerankRequest> read_rerank_request(std::string_view body) {
  HEARTH_ASSIGN(const wire::JsonBody json, wire::JsonBody::parse(body));
  const Field root = json.root();
  RerankRequest request;
  request.model = inference::read_model_choice(root);
  request.embed.add_texts(root["query"].required().string().value_or(""));
  read_documents(root["documents"], request.embed);
  request.embed.set_truncate(root["truncate"].boolean().value_or(false));
  const auto n_documents = static_cast<size_t>(request.embed.texts_size() - 1);
  const auto top_n = root["top_n"].integer(1);
  request.top_n = top_n ? std::min(static_cast<size_t>(*top_n), n_documents) : n_documents;
  request.return_documents = root["return_documents"].boolean().value_or(false);
  HEARTH_TRY(json.check());
  return request;
}

Result<std::vector<Ranked>> rank_documents(const protocol::Vectors& vectors) {
  if (vectors.vectors().empty()) return make_error(ErrorCode::kMalformed, "the engine gave no vectors");
  const Numbers& query = vectors.vectors(0).numbers();
  std::vector<Ranked> ranked;
  for (int i = 1; i < vectors.vectors_size(); ++i) {
    const Numbers& numbers = vectors.vectors(i).numbers();
    if (numbers.size() != query.size()) {
      return make_error(ErrorCode::kMalformed, "the engine gave vectors of {} and of {} numbers",
                        query.size(), numbers.size());
    }
    ranked.push_back({.document = static_cast<size_t>(i - 1), .score = cosine(query, numbers)});
  }
  std::stable_sort(ranked.begin(), ranked.end(),
                   [](const Ranked& a, const Ranked& b) { return a.score > b.score; });
  return ranked;
}

}  // namespace hearth::server::extras
