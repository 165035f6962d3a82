#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <deque>
#include <nlohmann/json.hpp>

#include "server/admin/metered_models.h"
#include "server/admin/routes.h"

namespace hearth::server::admin {
namespace {

using protocol::Reply;

class FakeCall final : public EngineCall {
 public:
  explicit FakeCall(std::deque<Reply> replies) : replies_(std::move(replies)) {}
  Task<std::optional<Reply>> next() override {
    if (replies_.empty()) co_return std::nullopt;
    Reply reply = std::move(replies_.front());
    replies_.pop_front();
    co_return reply;
  }
  void cancel() override { replies_.clear(); }

 private:
  std::deque<Reply> replies_;
};

class FakeModels final : public ModelService {
 public:
  std::vector<CatalogEntry> catalog() override { return {entry}; }
  Result<CatalogEntry> find(std::string_view) override { return entry; }
  std::vector<RunningModel> running() const override { return running_models; }
  std::vector<LoadingModel> loading() const override { return std::vector<LoadingModel>(3); }
  Task<Result<std::unique_ptr<EngineLease>>> acquire(std::string name, LoadWish) override {
    if (name != entry.name) co_return Error(ErrorCode::kNotFound, "no such model");
    co_return std::unique_ptr<EngineLease>(std::make_unique<Lease>(*this));
  }
  Task<Result<protocol::Opened>> describe(std::string) override { co_return protocol::Opened(); }
  Task<Result<protocol::Inspection>> inspect(std::string, bool) override { co_return protocol::Inspection(); }
  Task<Result<protocol::Opened>> describe_entry(CatalogEntry) override { co_return protocol::Opened(); }
  Task<Result<std::string>> quantize(CatalogEntry, QuantizeWish) override { co_return std::string(); }
  const protocol::Opened* known_description(const CatalogEntry&) const override { return nullptr; }
  Result<bool> unload(std::string_view) override { return false; }

  CatalogEntry entry{"tiny:latest", "/models/tiny.gguf", "", 0, {}, nullptr};
  std::vector<RunningModel> running_models;
  std::deque<Reply> replies;

 private:
  class Lease final : public EngineLease {
   public:
    explicit Lease(FakeModels& models) : models_(models) {}
    const CatalogEntry& entry() const override { return models_.entry; }
    const protocol::Opened& description() const override { return description_; }
    Seconds load_duration() const override { return Seconds(1.5); }
    std::unique_ptr<EngineCall> call(protocol::Call) override {
      return std::make_unique<FakeCall>(models_.replies);
    }

   private:
    FakeModels& models_;
    protocol::Opened description_;
  };
};

class RecordingResponder final : public http::Responder {
 public:
  Task<bool> send(http::Response sent) override {
    response = std::move(sent);
    co_return true;
  }
  Task<bool> begin(int, std::string, http::Headers) override { co_return false; }
  Task<bool> write(std::string) override { co_return false; }
  Task<bool> end() override { co_return false; }
  bool has_begun() const noexcept override { return false; }
  void on_disconnect(std::function<void()>) override {}
  bool is_disconnected() const noexcept override { return false; }

  http::Response response;
};

void run(std::function<Task<void>()> work) {
  boost::asio::io_context io;
  boost::asio::co_spawn(io, std::move(work), boost::asio::detached);
  io.run();
}

Reply accepted(int64_t n_prompt, int64_t n_cached) {
  Reply reply;
  reply.mutable_accepted()->set_n_prompt_tokens(n_prompt);
  reply.mutable_accepted()->set_n_cached_tokens(n_cached);
  return reply;
}
Reply delta() {
  Reply reply;
  reply.mutable_delta()->set_text("x");
  return reply;
}
Reply finished(int64_t n_prompt, int64_t n_cached, int64_t n_generated) {
  Reply reply;
  reply.mutable_finished()->set_n_prompt_tokens(n_prompt);
  reply.mutable_finished()->set_n_cached_tokens(n_cached);
  reply.mutable_finished()->set_n_generated_tokens(n_generated);
  return reply;
}

class MeteredModelsTest : public ::testing::Test {
 protected:
  // Makes a call and takes so many replies, or all.
  void generate(const std::string& tenant, int n_replies = 1000) {
    run([&]() -> Task<void> {
      auto lease = co_await models_->acquire("tiny:latest", {});
      protocol::Call call;
      call.mutable_generate()->set_tenant(tenant);
      const auto running = (*lease)->call(std::move(call));
      for (int i = 0; i < n_replies; ++i) {
        const auto reply = co_await running->next();
        if (!reply) co_return;
      }
    });
  }
  bool has(const std::string& line) {
    const std::string text = metrics_.text({});
    return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
  }

  FakeModels inner_;
  metrics::ServerMetrics metrics_{"test"};
  std::vector<std::string> told_;
  std::unique_ptr<ModelService> models_ = make_metered_models(
      inner_, metrics_, [this](const std::string& tenant, int64_t prompt, int64_t generated) {
        told_.push_back(fmt::format("{}:{}+{}", tenant, prompt, generated));
      });
};

TEST_F(MeteredModelsTest, AnswerToItsEnd_CountsWhatTheEngineSays) {
  inner_.replies = {accepted(10, 4), delta(), delta(), finished(10, 4, 3)};
  generate("key1");
  EXPECT_EQ(told_, std::vector<std::string>{"key1:10+3"});
  EXPECT_TRUE(has(R"(hearth_tokens_total{kind="prompt",model="tiny:latest"} 6)"));
  EXPECT_TRUE(has(R"(hearth_tokens_total{kind="cached",model="tiny:latest"} 4)"));
  EXPECT_TRUE(has(R"(hearth_tokens_total{kind="generated",model="tiny:latest"} 3)"));
  EXPECT_TRUE(has(R"(hearth_time_to_first_token_seconds_count{model="tiny:latest"} 1)"));
  EXPECT_TRUE(has(R"(hearth_model_load_seconds_count{model="tiny:latest"} 1)"));
}

TEST_F(MeteredModelsTest, SeveralAnswers_CountThePromptOnce) {
  inner_.replies = {accepted(10, 0), delta(), delta(), finished(10, 0, 2), delta(), finished(10, 0, 1)};
  generate("key1");
  EXPECT_EQ(told_, std::vector<std::string>{"key1:10+3"});
}

TEST_F(MeteredModelsTest, ClientLeavesInTheMiddle_CountsWhatWasSeen) {
  inner_.replies = {accepted(10, 0), delta(), delta(), delta(), finished(10, 0, 3)};
  generate("key1", 3);
  EXPECT_EQ(told_, std::vector<std::string>{"key1:10+2"});
}

TEST_F(MeteredModelsTest, CallThatFails_CountsNothing) {
  Reply failure;
  failure.mutable_failure()->set_message("no");
  inner_.replies = {failure};
  generate("key1");
  EXPECT_TRUE(told_.empty());
}

class AdminRoutesTest : public ::testing::Test {
 protected:
  void add_running_model() {
    RunningModel model{models_.entry, {}, {}, 2};
    model.description.set_sandbox("seccomp, Landlock 4");
    model.description.mutable_memory()->set_weights_bytes(1000);
    model.description.mutable_memory()->set_kv_bytes(200);
    models_.running_models.push_back(model);
  }
  http::Response get(const std::string& path, AdminDeps deps, const std::string& peer = "127.0.0.1") {
    http::Router router;
    deps.models = &models_;
    deps.metrics = &metrics_;
    deps.version = "1.2.3";
    add_admin_routes(router, std::move(deps));
    const auto match = router.match(http::Method::kGet, path);
    EXPECT_NE(match.route, nullptr);
    scope_ = match.route->scope;
    http::Request request;
    request.peer = peer;
    RecordingResponder responder;
    run([&]() -> Task<void> { co_await match.route->handler(request, responder); });
    return responder.response;
  }

  FakeModels models_;
  metrics::ServerMetrics metrics_{"test"};
  http::Scope scope_ = http::Scope::kAdmin;
};

TEST_F(AdminRoutesTest, Health_ServerThatIsWell_TellsEnginesAndTheirSandbox) {
  add_running_model();
  const http::Response response = get("/health", {});
  EXPECT_EQ(scope_, http::Scope::kPublic);
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(nlohmann::json::parse(response.body),
            nlohmann::json::parse(
                R"({"status": "ok", "version": "1.2.3", "models": 1, "running_requests": 2, "engines":
                [{"model": "tiny:latest", "sandbox": "seccomp, Landlock 4", "running_requests": 2}]})"));
}

TEST_F(AdminRoutesTest, Health_NotReady_Is503AndSaysWhy) {
  const http::Response response =
      get("/health", {.not_ready = [] { return std::optional<std::string>("it shuts down"); },
                      .problem = [] { return std::optional<std::string>("disk full"); }});
  EXPECT_EQ(response.status, 503);
  const auto body = nlohmann::json::parse(response.body);
  EXPECT_EQ(body["reason"], "it shuts down");
  EXPECT_EQ(body["warning"], "disk full");
}

TEST_F(AdminRoutesTest, Health_AskedFromElsewhere_TellsStatusAlone) {
  add_running_model();
  const http::Response response =
      get("/health", {.problem = [] { return std::optional<std::string>("/home/me"); }}, "192.168.1.2");
  EXPECT_EQ(nlohmann::json::parse(response.body),
            nlohmann::json::parse(R"({"status": "ok", "version": "1.2.3"})"));
}

TEST_F(AdminRoutesTest, Metrics_HasStateAndNeedsAKeyUnlessPublic) {
  add_running_model();
  const http::Response response = get("/metrics", {.n_connections = [] { return uint64_t{7}; }});
  EXPECT_EQ(scope_, http::Scope::kAdmin);
  EXPECT_EQ(response.content_type, metrics::ServerMetrics::kContentType);
  for (const char* line :
       {"hearth_connections 7\n", "hearth_running_requests 2\n", "hearth_models_loaded 1\n",
        "hearth_models_loading 3\n", "hearth_model_memory_bytes{model=\"tiny:latest\"} 1200\n"}) {
    EXPECT_NE(response.body.find(line), std::string::npos) << line;
  }
  get("/metrics", {.metrics_are_public = true});
  EXPECT_EQ(scope_, http::Scope::kPublic);
}

}  // namespace
}  // namespace hearth::server::admin
