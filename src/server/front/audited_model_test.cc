// Which model the audit log has for a request: of each route of the server that names one, by the catalogue's
// spelling, and never what a client wrote.
#include <gtest/gtest.h>

#include <set>

#include "metrics/server_metrics.h"
#include "server/front/wiring.h"
#include "server/models/fake_model_service_fixture.h"
#include "server/wire/recording_responder_fixture.h"
#include "store/store_fixture.h"

namespace hearth::server {
namespace {

// Pulls "fetched", which is a model of the catalogue from then on; fails with every other that is none.
class FetchesOne final : public TransferService {
 public:
  explicit FetchesOne(FakeModelService& models) : models_(models) {}

  Result<std::unique_ptr<Transfer>> begin(const TransferWish& wish) override {
    return std::unique_ptr<Transfer>(std::make_unique<Fetch>(models_, wish.name));
  }

 private:
  class Fetch final : public Transfer {
   public:
    Fetch(FakeModelService& models, std::string name) : models_(models), name_(std::move(name)) {}
    Task<std::optional<Result<TransferStatus>>> next() override {
      using Next = std::optional<Result<TransferStatus>>;
      if (std::exchange(is_over_, true)) co_return Next();
      if (name_ == "fetched") models_.add("fetched:latest");
      if (!models_.find(name_)) co_return Next(Error(ErrorCode::kNotFound, "no such model"));
      co_return Next(TransferStatus{"success"});
    }
    void cancel() override {}

   private:
    FakeModelService& models_;
    const std::string name_;
    bool is_over_ = false;
  };

  FakeModelService& models_;
};

class AuditedModel : public ::testing::Test {
 protected:
  AuditedModel() {
    FakeModel& tiny = models_.add("tiny:latest");
    tiny.replies = {finished_reply(protocol::Finished::STOP, 5, 2)};
    store::Manifest manifest = *store::Manifest::parse(store_.put_manifest_blobs("weights"));
    const auto name = *store::ModelName::parse("tiny");
    EXPECT_TRUE(store_->write_manifest(name, manifest.serialise()));
    const store::ManifestFile file{name, store_.root() / "manifests" / name.manifest_path()};
    tiny.entry.stored = std::make_shared<const StoredModel>(*StoredModel::read(*store_, file));
    admin::AdminDeps admin;
    admin.models = &models_;
    admin.metrics = &metrics_;
    router_ = make_router(std::move(admin), {.store = &model_store_, .transfers = &transfers_});
  }

  // What the log has for "POST /path" with this body.
  std::string noted(const std::string& route, const std::string& body) {
    const size_t space = route.find(' ');
    http::Request request;
    for (const http::Method method :
         {http::Method::kGet, http::Method::kHead, http::Method::kPost, http::Method::kDelete}) {
      if (http::method_name(method) == route.substr(0, space)) request.method = method;
    }
    request.path = route.substr(space + 1);
    request.body = body;
    wire::RecordingResponder responder;
    wire::serve(context_, router_, std::move(request), responder);
    status_ = responder.status;
    return responder.model;
  }

  boost::asio::io_context context_;
  FakeModelService models_{context_.get_executor()};
  metrics::ServerMetrics metrics_{"0"};
  store::TestStore store_;
  ModelStore model_store_{context_.get_executor(), *store_};
  FetchesOne transfers_{models_};
  http::Router router_;
  int status_ = 0;
};

// A request with $ for the model.
struct NamingRoute {
  const char* route;
  const char* path;  // where it is another than the route's pattern
  const char* body;
  const char* noted = "tiny:latest";
};
constexpr const char* kMessages =
    R"({"model":"$","max_tokens":9,"messages":[{"role":"user","content":"a"}]})";
constexpr const char* kPrompt = R"({"model":"$","prompt":"a","input":"a","content":"a","tokens":[1]})";
constexpr const char* kContent = R"({"model":"$","content":"a"})";
constexpr const char* kRerank = R"({"model":"$","query":"a","documents":["b"]})";
const std::vector<NamingRoute> kNamingRoutes{
    {"POST /api/generate", "", kPrompt},
    {"POST /api/chat", "", kMessages},
    {"POST /api/embed", "", kPrompt},
    {"POST /api/embeddings", "", kPrompt},
    {"POST /api/show", "", kPrompt},
    {"POST /api/push", "", kPrompt},
    {"POST /api/pull", "", kPrompt},
    {"POST /api/copy", "", R"({"source":"$","destination":"/"})"},
    {"POST /api/create", "", R"({"model":"made","from":"$"})", "made:latest"},
    {"POST /v1/chat/completions", "", kMessages},
    {"POST /v1/completions", "", kPrompt},
    {"POST /v1/embeddings", "", kPrompt},
    {"POST /v1/responses", "", R"({"model":"$","input":"a"})"},
    {"GET /v1/models/{id...}", "GET /v1/models/$", ""},
    {"POST /v1/messages", "", kMessages},
    {"POST /v1/messages/count_tokens", "", kMessages},
    {"POST /tokenize", "", kContent},
    {"POST /detokenize", "", kPrompt},
    {"POST /rerank", "", kRerank},
    {"POST /v1/tokenize", "", kContent},
    {"POST /v1/detokenize", "", kPrompt},
    {"POST /v1/rerank", "", kRerank},
    {"DELETE /api/delete", "", kPrompt}};  // last, since the store's model is gone after it
const std::set<std::string> kRoutesWithoutModel{"GET /",
                                                "GET /health",
                                                "GET /metrics",
                                                "GET /api/version",
                                                "GET /api/status",
                                                "GET /api/tags",
                                                "GET /api/ps",
                                                "HEAD /api/blobs/{digest}",
                                                "POST /api/blobs/{digest}",
                                                "GET /v1/models",
                                                "GET /v1/responses/{id}",
                                                "DELETE /v1/responses/{id}",
                                                "GET /v1/responses/{id}/input_items"};

std::string with_model(std::string text, const std::string& model) {
  const size_t at = text.find('$');
  return at == std::string::npos ? text : text.replace(at, 1, model);
}

TEST_F(AuditedModel, EachRouteOfTheServer_IsCoveredHere) {
  std::set<std::string> covered = kRoutesWithoutModel;
  for (const NamingRoute& naming : kNamingRoutes) covered.insert(naming.route);
  std::set<std::string> served;
  for (const http::Route& route : router_.routes())
    served.insert(fmt::format("{} {}", http::method_name(route.method), route.pattern));
  EXPECT_EQ(covered, served);
}

TEST_F(AuditedModel, EachRouteThatNamesAModel_NotesItByItsOwnName) {
  for (const NamingRoute& naming : kNamingRoutes) {
    const std::string path = *naming.path == '\0' ? naming.route : naming.path;
    EXPECT_EQ(noted(with_model(path, "secret"), with_model(naming.body, "secret")), "") << naming.route;
    EXPECT_NE(status_, 0) << naming.route;
    EXPECT_EQ(noted(with_model(path, "TINY"), with_model(naming.body, "TINY")), naming.noted)
        << naming.route << ", " << status_;
  }
}

TEST_F(AuditedModel, WhatARequestMakes_IsNoted) {
  EXPECT_EQ(noted("POST /api/copy", R"({"source":"tiny","destination":"other"})"), "other:latest");
  EXPECT_EQ(noted("POST /api/create", R"({"model":"mine:v2","from":"tiny","system":"Be brief."})"),
            "mine:v2");
  EXPECT_EQ(noted("POST /api/pull", R"({"model":"fetched"})"), "fetched:latest");
  EXPECT_EQ(noted("POST /api/pull", R"({"model":"FETCHED","stream":false})"), "fetched:latest");
}

// The catalogue does not have it, and whoever removes it should still be seen to have done so.
TEST_F(AuditedModel, RemovedModelThatCannotBeRead_IsNoted) {
  store_.put_file("manifests/registry.ollama.ai/library/broken/latest", "{");
  EXPECT_EQ(noted("DELETE /api/delete", R"({"model":"broken"})"), "broken:latest");
  EXPECT_EQ(status_, 200);
}

}  // namespace
}  // namespace hearth::server
