#include <cmath>

#include "server/extras/rerank_request.h"
#include "server/extras/routes.h"
#include "server/inference/api_test_fixture.h"

namespace hearth::server::extras {
namespace {

using inference::Json;

class Extras : public inference::ApiTest {
 protected:
  Extras() { add_extra_routes(router_, deps()); }
};

TEST_F(Extras, Tokenize_GivesTokensAndTheirPieces) {
  protocol::Reply reply;
  for (const int id : {4, 5}) reply.mutable_tokens()->add_ids(id);
  reply.mutable_tokens()->add_pieces("He");
  reply.mutable_tokens()->add_pieces("\xE2\x82");
  model_.replies = {reply};
  for (const char* path : {"/tokenize", "/v1/tokenize"}) {
    for (const char* name : {"content", "prompt", "text"}) {
      const std::string body = R"({"model":"tiny",")" + std::string(name) + R"(":"He"})";
      EXPECT_EQ(post(path, body), Json::parse(R"({"tokens":[4,5],"count":2})"));
      const protocol::Text& text = log().calls.back().tokenize().text();
      EXPECT_EQ(text.text(), "He");
      EXPECT_TRUE(text.no_bos());
      EXPECT_TRUE(text.control_tokens());
    }
  }
  EXPECT_EQ(post("/tokenize", R"({"model":"tiny","content":"He","with_pieces":true,"add_special":true,
                                  "parse_special":false})"),
            Json::parse(R"({"tokens":[{"id":4,"piece":"He"},{"id":5,"piece":[226,130]}],"count":2})"));
  EXPECT_FALSE(log().calls.back().tokenize().text().no_bos());
  EXPECT_FALSE(log().calls.back().tokenize().text().control_tokens());
  post("/tokenize", R"({"model":"tiny","messages":[{"role":"user","content":"hi"}]})");
  EXPECT_EQ(Json::parse(log().calls.back().render().conversation_json())["messages"][0]["content"], "hi");
}

TEST_F(Extras, Tokenize_NamesWhatIsWrong) {
  expect_refused(
      "/tokenize", R"({"model":"tiny","content":"x"})",
      {{R"("model":1)", "model: expected a string, found 1"},
       {R"("content":null)", "content: is required"},
       {R"("content":5)", "content: expected a string, found 5"},
       {R"("text":"y")", "text: is only allowed without content"},
       {R"("content":null,"messages":[])", "messages: expected at least one message, found a list"},
       {R"("content":null,"messages":[{"role":1}])", "messages[0].role: expected a string, found 1"},
       {R"("add_special":1)", "add_special: expected true or false, found 1"},
       {R"("parse_special":1)", "parse_special: expected true or false, found 1"},
       {R"("with_pieces":"x")", "with_pieces: expected true or false, found \"x\""}});
  EXPECT_EQ(request(http::Method::kPost, "/tokenize", R"({"model":"nope","content":"x"})")->status, 404);
}

TEST_F(Extras, Detokenize_GivesTheText) {
  protocol::Reply reply;
  reply.mutable_text()->set_text("Hello");
  model_.replies = {reply};
  for (const char* path : {"/detokenize", "/v1/detokenize"}) {
    EXPECT_EQ(post(path, R"({"model":"tiny","tokens":[4,5]})"), Json::parse(R"({"content":"Hello"})"));
  }
  EXPECT_EQ(log().calls.back().detokenize().tokens().ids(1), 5);
  expect_refused(
      "/detokenize", R"({"model":"tiny","tokens":[1]})",
      {{R"("tokens":null)", "tokens: is required"},
       {R"("tokens":"x")", "tokens: expected a list of token ids, found \"x\""},
       {R"("tokens":[1,"x"])", "tokens[1]: expected a token id, an integer of 0 or more, found \"x\""}});
}

class Rerank : public Extras {
 protected:
  Rerank() {
    model_.opened.set_is_encoder(true);
    set_vectors({{1, 0}, {0, 2}, {3, 0}, {-1, 0}, {1, 1}});
  }
  void set_vectors(const std::vector<std::vector<float>>& vectors) {
    protocol::Reply reply;
    for (const auto& numbers : vectors) {
      auto* vector = reply.mutable_vectors()->add_vectors();
      for (const float number : numbers) vector->add_numbers(number);
    }
    reply.mutable_vectors()->set_n_prompt_tokens(9);
    model_.replies = {reply};
  }
  static constexpr const char* kGood =
      R"({"model":"tiny","query":"q","documents":["across",{"text":"same"},"opposite","between"]})";
};

TEST_F(Rerank, Documents_AreSortedByTheirCosine) {
  for (const char* path : {"/rerank", "/v1/rerank"}) {
    const Json answer = post(path, kGood);
    ASSERT_EQ(answer["results"].size(), 4U);
    const size_t order[] = {1, 3, 0, 2};
    const double scores[] = {1, std::sqrt(0.5), 0, -1};
    for (size_t i = 0; i < 4; ++i) {
      EXPECT_EQ(answer["results"][i]["index"], order[i]);
      EXPECT_NEAR(answer["results"][i]["relevance_score"].get<double>(), scores[i], 1e-12);
      EXPECT_FALSE(answer["results"][i].contains("document"));
    }
    EXPECT_EQ(answer["usage"], Json::parse(R"({"prompt_tokens":9,"total_tokens":9})"));
    EXPECT_EQ(answer["model"], "tiny");
  }
  EXPECT_EQ(log().calls.back().embed().texts(0), "q");
  EXPECT_EQ(log().calls.back().embed().texts(2), "same");
  const Json best = post("/rerank", with(kGood, R"("top_n":1,"return_documents":true)"));
  EXPECT_EQ(best["results"].size(), 1U);
  EXPECT_EQ(best["results"][0]["document"]["text"], "same");
  EXPECT_EQ(post("/rerank", with(kGood, R"("top_n":99)"))["results"].size(), 4U);
}

TEST_F(Rerank, WrongField_IsNamed) {
  expect_refused("/rerank", kGood,
                 {{R"("query":null)", "query: is required"},
                  {R"("query":1)", "query: expected a string, found 1"},
                  {R"("documents":null)", "documents: is required"},
                  {R"("documents":"x")", "documents: expected a list, found \"x\""},
                  {R"("documents":[])", "documents: expected 1 to 2048 documents, found 0"},
                  {R"("documents":[1])", "documents[0]: expected a string, found 1"},
                  {R"("documents":[{"title":"x"}])", "documents[0].text: is required"},
                  {R"("top_n":0)", "top_n: expected an integer of 1 or more, found 0"},
                  {R"("return_documents":1)", "return_documents: expected true or false, found 1"},
                  {R"("truncate":1)", "truncate: expected true or false, found 1"}});
  model_.acquire_error = Error(ErrorCode::kResourceExhausted, model_.entry.path + ": no memory");
  EXPECT_EQ(request(http::Method::kPost, "/rerank", kGood)->json()["error"]["message"],
            "tiny:latest: no memory");
}

TEST_F(Rerank, ModelThatWritesTexts_RanksToo) {
  model_.opened.set_is_encoder(false);
  EXPECT_EQ(post("/rerank", kGood)["results"].size(), 4U);
}

TEST_F(Rerank, VectorsThatDoNotFit_AreAnError) {
  set_vectors({{1, 0}, {0, 2}});
  EXPECT_EQ(request(http::Method::kPost, "/rerank", kGood)->status, 500);
  set_vectors({{1, 0}, {0, 2}, {1}, {1, 0}, {1, 0}});
  EXPECT_EQ(request(http::Method::kPost, "/rerank", kGood)->status, 500);
  set_vectors({});
  EXPECT_EQ(request(http::Method::kPost, "/rerank", kGood)->status, 500);
  // A vector without a direction is no nearer to one than to another.
  set_vectors({{0, 0}, {0, 2}, {1, 0}, {1, 0}, {1, 0}});
  const Json results = post("/rerank", kGood)["results"];
  for (size_t i = 0; i < 4; ++i) EXPECT_EQ(results[i]["index"], i);
}

}  // namespace
}  // namespace hearth::server::extras
