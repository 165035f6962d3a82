// POST /api/pull and /api/push over transfers that are told what to say.
#include <deque>

#include "server/ollama/ollama_fixture.h"

namespace hearth::server::ollama {
namespace {

class ScriptedTransfers final : public TransferService {
 public:
  class Scripted final : public Transfer {
   public:
    explicit Scripted(ScriptedTransfers& owner)
        : owner_(owner), script_(owner.script.begin(), owner.script.end()) {
      ++owner_.n_open;
    }
    Scripted(const Scripted&) = delete;
    Scripted& operator=(const Scripted&) = delete;
    ~Scripted() override { --owner_.n_open; }
    Task<std::optional<Result<TransferStatus>>> next() override {
      using Next = std::optional<Result<TransferStatus>>;
      if (is_over_) co_return Next();
      is_over_ = owner_.n_cancelled > 0 || script_.empty();
      if (owner_.n_cancelled > 0) co_return Next(Error(ErrorCode::kCancelled, "cancelled"));
      if (script_.empty() && owner_.failure) co_return Next(*owner_.failure);
      if (script_.empty()) co_return Next();
      TransferStatus next = script_.front();
      script_.pop_front();
      co_return Next(std::move(next));
    }
    void cancel() override { ++owner_.n_cancelled; }

   private:
    ScriptedTransfers& owner_;
    std::deque<TransferStatus> script_;
    bool is_over_ = false;
  };

  Result<std::unique_ptr<Transfer>> begin(const TransferWish& wish) override {
    wishes.push_back(wish);
    if (refusal) return *refusal;
    return std::unique_ptr<Transfer>(std::make_unique<Scripted>(*this));
  }

  std::vector<TransferStatus> script;
  std::optional<Error> failure;  // after the script
  std::optional<Error> refusal;
  std::vector<TransferWish> wishes;
  int n_open = 0;
  int n_cancelled = 0;
};

class TransferRoutesTest : public OllamaTest {
 protected:
  TransferRoutesTest() {
    router_ = http::Router();
    add_ollama_routes(router_, {.models = service_, .version = "1.2.3", .transfers = &transfers_});
    transfers_.script.emplace_back(TransferStatus{"pulling manifest"});
    transfers_.script.emplace_back(TransferStatus{"pulling 0123456789ab", "sha256:01", 100, 0});
    transfers_.script.emplace_back(TransferStatus{"pulling 0123456789ab", "sha256:01", 100, 40, 25.0});
  }
  void end_with_success() { transfers_.script.emplace_back(TransferStatus{"success"}); }

  ScriptedTransfers transfers_;
};

TEST_F(TransferRoutesTest, Statuses_AreLines) {
  end_with_success();
  const auto answer = post("/api/pull", R"({"model": "tiny", "insecure": true})");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.content_type, "application/x-ndjson");
  EXPECT_EQ(answer.body(),
            "{\"status\":\"pulling manifest\"}\n"
            "{\"status\":\"pulling 0123456789ab\",\"digest\":\"sha256:01\",\"total\":100}\n"
            "{\"status\":\"pulling 0123456789ab\",\"digest\":\"sha256:01\",\"total\":100,\"completed\":40,"
            "\"bytes_per_second\":25,\"seconds_left\":3}\n"
            "{\"status\":\"success\"}\n");
  ASSERT_EQ(transfers_.wishes.size(), 1U);
  EXPECT_EQ(transfers_.wishes[0].name, "tiny");
  EXPECT_TRUE(transfers_.wishes[0].insecure);
  EXPECT_EQ(transfers_.wishes[0].kind, TransferWish::Kind::kPull);
  EXPECT_EQ(transfers_.n_open, 0);
}

TEST_F(TransferRoutesTest, WithoutStream_TheLastStatusIsTheAnswer) {
  end_with_success();
  const auto answer = post("/api/push", R"({"name": "tiny", "stream": false})");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body(), "{\"status\":\"success\"}");
  EXPECT_EQ(transfers_.wishes[0].kind, TransferWish::Kind::kPush);
}

TEST_F(TransferRoutesTest, Errors_HaveTheirStatusOrTheLastLine) {
  transfers_.failure = Error(ErrorCode::kNotFound, "no such model");
  EXPECT_EQ(error(post("/api/pull", R"({"model": "tiny", "stream": false})"), 404), "no such model");
  const auto streamed = post("/api/pull", R"({"model": "tiny"})");
  EXPECT_EQ(streamed.status, 200);
  EXPECT_EQ(streamed.lines().back()["error"], "no such model");
  transfers_.refusal = Error(ErrorCode::kUnsupported, "the server is offline");
  EXPECT_EQ(
      error(post("/api/pull", R"({"model": "tiny"})"), error_traits(ErrorCode::kUnsupported).http_status),
      "the server is offline");
}

TEST_F(TransferRoutesTest, ClientThatGoesAway_CancelsIt) {
  end_with_success();
  wire::RecordingResponder responder;
  responder.leaves_after_parts = 2;
  ask_into(responder, http::Method::kPost, "/api/pull", R"({"model": "tiny"})");
  EXPECT_EQ(transfers_.n_cancelled, 1);
  EXPECT_EQ(transfers_.n_open, 0);
}

TEST_F(TransferRoutesTest, BodiesThatAreWrong_BeginNothing) {
  for (const char* body :
       {"", "{}", "[]", R"({"model": ""})", R"({"model": 1})", R"({"model": "x", "insecure": "y"})"})
    error(post("/api/pull", body), 400);
  EXPECT_TRUE(transfers_.wishes.empty());
}

}  // namespace
}  // namespace hearth::server::ollama
