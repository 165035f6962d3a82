#include "server/inference/api_test_fixture.h"
#include "server/openai/routes.h"
#include "tests/support/openapi.h"
#include "tests/support/test_data.h"

namespace hearth::server::openai {
namespace {

using inference::Json;
using inference::SseEvent;
using inference::with_logprob;
using protocol::Delta;
using protocol::Finished;

constexpr const char* kPath = "/v1/completions";
constexpr const char* kGood = R"({"model":"tiny","prompt":"Once"})";

class OpenAiCompletions : public inference::ApiTest {
 protected:
  OpenAiCompletions() {
    add_openai_routes(router_, deps());
    model_.replies = {accepted_reply(2), with_logprob(delta_reply(" \xC3\xA9"), 5, " \xC3\xA9", -0.5F),
                      with_logprob(delta_reply("b"), 6, "b", -1.5F), finished_reply(Finished::LENGTH, 2, 2)};
  }
};

TEST_F(OpenAiCompletions, WholeAnswer_HasEveryMember) {
  const Json answer = post(kPath, with(kGood, R"("logprobs":1)"));
  EXPECT_TRUE(answer["id"].get<std::string>().starts_with("cmpl-"));
  EXPECT_EQ(answer["object"], "text_completion");
  EXPECT_EQ(answer["choices"],
            Json::parse(R"([{"index":0,"text":" \u00e9b","finish_reason":"length","logprobs":
      {"tokens":[" \u00e9","b"],"token_logprobs":[-0.5,-1.5],"text_offset":[0,2],
       "top_logprobs":[{" \u00e9?":0.0," \u00e9":-0.5},{"b?":-1.0,"b":-1.5}]}}])"));
  EXPECT_EQ(answer["usage"]["total_tokens"], 4);
  EXPECT_EQ(last_generate().text().text(), "Once");
  EXPECT_TRUE(last_generate().text().control_tokens());
  EXPECT_EQ(last_generate().top_logprobs(), 1U);
  EXPECT_EQ(last_generate().tenant(), "key_1");
}

TEST_F(OpenAiCompletions, PartOfACharacter_IsToldByItsBytes) {
  model_.replies = {accepted_reply(1), with_logprob(delta_reply(""), 1, "\xE2\x82", -1),
                    finished_reply(Finished::STOP, 1, 1)};
  EXPECT_EQ(post(kPath, with(kGood, R"("logprobs":0)"))["choices"][0]["logprobs"]["tokens"][0],
            "bytes:\\xe2\\x82");
}

TEST_F(OpenAiCompletions, Prompts_MayBeTextsOrTokens) {
  model_.replies.push_back(finished_reply(Finished::STOP, 2, 1, 1));
  EXPECT_EQ(post(kPath, with(kGood, R"("prompt":["a","b"],"n":2,"best_of":2)"))["choices"].size(), 4U);
  EXPECT_EQ(log().calls.size(), 2U);
  EXPECT_EQ(log().calls[1].generate().text().text(), "b");
  EXPECT_EQ(log().calls[1].generate().n(), 2U);
  model_.replies.pop_back();
  post(kPath, with(kGood, R"("prompt":[1,2])"));
  EXPECT_EQ(last_generate().tokens().ids_size(), 2);
  const Json lists = post(kPath, with(kGood, R"("prompt":[[1,2],[3]])"));
  EXPECT_EQ(last_generate().tokens().ids(0), 3);
  EXPECT_EQ(lists["choices"].size(), 2U);
  EXPECT_EQ(lists["choices"][1]["index"], 1);
  EXPECT_EQ(lists["usage"]["prompt_tokens"], 4);
}

TEST_F(OpenAiCompletions, Guides_AreConstraintsOfEveryPrompt) {
  model_.replies = {accepted_reply(1), finished_reply(Finished::STOP, 2, 1)};
  post(kPath, with(kGood, R"("prompt":["a","b"],"grammar":"root ::= \"x\"")"));
  ASSERT_EQ(log().calls.size(), 2U);
  for (const protocol::Call& call : log().calls)
    EXPECT_EQ(call.generate().constraint().gbnf(), "root ::= \"x\"");
  post(kPath, with(kGood, R"("structured_outputs":{"json":{"type":"object"}})"));
  EXPECT_EQ(last_generate().constraint().json_schema(), R"({"type":"object"})");
}

TEST_F(OpenAiCompletions, Echo_PutsThePromptInFront) {
  EXPECT_EQ(post(kPath, with(kGood, R"("echo":true)"))["choices"][0]["text"],
            "Once \xC3\xA9"
            "b");
  std::string text;
  for (const SseEvent& event : stream(kPath, with(kGood, R"("echo":true,"stream":true)"))) {
    if (event.data != "[DONE]") text += Json::parse(event.data)["choices"][0]["text"];
  }
  EXPECT_EQ(text,
            "Once \xC3\xA9"
            "b");
}

TEST_F(OpenAiCompletions, Stream_IsTheWholeAnswerInParts) {
  const Json whole = post(kPath, with(kGood, R"("prompt":["a","b"],"logprobs":1)"));
  const auto events = stream(kPath, with(kGood, R"("prompt":["a","b"],"logprobs":1,"stream":true,
      "stream_options":{"include_usage":true})"));
  EXPECT_EQ(events.back().data, "[DONE]");
  EXPECT_EQ(Json::parse(events[events.size() - 2].data)["usage"], whole["usage"]);
  std::string texts[2];
  Json tokens[2] = {Json::array(), Json::array()};
  Json offsets[2] = {Json::array(), Json::array()};
  Json reasons[2];
  for (size_t i = 0; i + 2 < events.size(); ++i) {
    const Json choice = Json::parse(events[i].data)["choices"][0];
    const size_t index = choice["index"];
    texts[index] += choice["text"];
    reasons[index] = choice["finish_reason"];
    if (choice["logprobs"].is_null()) continue;
    for (const Json& token : choice["logprobs"]["tokens"]) tokens[index].push_back(token);
    for (const Json& offset : choice["logprobs"]["text_offset"]) offsets[index].push_back(offset);
  }
  for (size_t i = 0; i < 2; ++i) {
    const Json& choice = whole["choices"][i];
    EXPECT_EQ(texts[i], choice["text"]);
    EXPECT_EQ(reasons[i], choice["finish_reason"]);
    EXPECT_EQ(tokens[i], choice["logprobs"]["tokens"]);
    EXPECT_EQ(offsets[i], choice["logprobs"]["text_offset"]);
  }
}

TEST_F(OpenAiCompletions, WrongField_IsNamed) {
  const std::string prompt =
      "prompt: expected a text, a list of texts, a list of token ids or a list of such lists";
  expect_refused(
      kPath, kGood,
      {{R"("prompt":null)", "prompt: is required"},
       {R"("prompt":5)", (prompt + ", found 5").c_str()},
       {R"("prompt":[])", (prompt + ", found a list").c_str()},
       {R"("prompt":["a",1])", "prompt[1]: expected a string, found 1"},
       {R"("prompt":[1,-1])", "prompt[1]: expected a token id, an integer of 0 or more, found -1"},
       {R"("prompt":[[]])", "prompt[0]: expected at least one token id, found a list"},
       {R"("prompt":["a","b"],"n":65)", "n: expected at most 128 answers to all prompts, found 130"},
       {R"("suffix":"x")", "suffix: is not supported"},
       {R"("suffix":5)", "suffix: expected a string, found 5"},
       {R"("best_of":2)", "best_of: is only supported where it equals n, which is 1, found 2"},
       {R"("echo":"yes")", "echo: expected true or false, found \"yes\""},
       {R"("echo":true,"logprobs":1)", "logprobs: is not supported together with \"echo\": true"},
       {R"("echo":true,"prompt":[1])", "echo: is only supported with prompts that are texts"},
       {R"("logprobs":true)", "logprobs: expected an integer, found true"},
       {R"("logprobs":21)", "logprobs: expected an integer from 0 to 20, found 21"},
       {R"("max_tokens":"9")", "max_tokens: expected an integer, found \"9\""},
       {R"("n":129)", "n: expected an integer from 1 to 128, found 129"},
       {R"("stop":{})", "stop: expected a string or a list of strings, found an object"},
       {R"("temperature":"x")", "temperature: expected a number, found \"x\""}});
}

TEST_F(OpenAiCompletions, ErrorOfASecondPrompt_EndsTheStream) {
  int n = 0;
  model_.answer = [&n](const protocol::Call&) -> std::vector<protocol::Reply> {
    if (n++ == 0) return {accepted_reply(1), delta_reply("a"), finished_reply(Finished::STOP, 1, 1)};
    return {failure_reply(protocol::Failure::INVALID_ARGUMENT, "no")};
  };
  const auto events = stream(kPath, with(kGood, R"("prompt":["a","b","c"],"stream":true)"));
  EXPECT_EQ(Json::parse(events.back().data)["error"]["message"], "no");
  EXPECT_EQ(n, 2);
}

TEST_F(OpenAiCompletions, Answers_AreWhatOpenAiDescribes) {
  HEARTH_NEEDS_TEST_DATA(description, "api/openai.json");
  const auto api = testing::OpenApi::load(description);
  EXPECT_EQ(api.check(post(kPath, with(kGood, R"("logprobs":1)")), "CreateCompletionResponse"), "");
  EXPECT_EQ(api.check(get("/v1/models"), "ListModelsResponse"), "");
  EXPECT_EQ(api.check(get("/v1/models/tiny"), "Model"), "");
  model_.opened.set_is_encoder(true);
  protocol::Reply reply;
  reply.mutable_vectors()->add_vectors()->add_numbers(0.5F);
  model_.replies = {reply};
  EXPECT_EQ(api.check(post("/v1/embeddings", R"({"model":"tiny","input":"a"})"), "CreateEmbeddingResponse"),
            "");
}

class OpenAiEmbeddings : public inference::ApiTest {
 protected:
  OpenAiEmbeddings() {
    add_openai_routes(router_, deps());
    model_.opened.set_is_encoder(true);
    protocol::Reply reply;
    for (const float number : {0.5F, -0.25F}) {
      auto* vector = reply.mutable_vectors()->add_vectors();
      for (int i = 0; i < 3; ++i) vector->add_numbers(number);
    }
    reply.mutable_vectors()->set_n_prompt_tokens(6);
    model_.replies = {reply};
  }
  static constexpr const char* kInput = R"({"model":"tiny","input":["a","b"]})";
};

TEST_F(OpenAiEmbeddings, Texts_BecomeVectors) {
  const Json answer = post("/v1/embeddings", with(kInput, R"("dimensions":3,"truncate":true)"));
  EXPECT_EQ(answer, Json::parse(R"({"object":"list","model":"tiny","data":[
      {"object":"embedding","index":0,"embedding":[0.5,0.5,0.5]},
      {"object":"embedding","index":1,"embedding":[-0.25,-0.25,-0.25]}],
      "usage":{"prompt_tokens":6,"total_tokens":6}})"));
  const auto& embed = log().calls.back().embed();
  EXPECT_EQ(embed.texts_size(), 2);
  EXPECT_EQ(embed.dimensions(), 3);
  const auto too_many = request(http::Method::kPost, "/v1/embeddings", with(kInput, R"("dimensions":2049)"));
  EXPECT_EQ(too_many->json()["error"]["message"],
            "dimensions: expected at most the model's 2048, found 2049");
  EXPECT_TRUE(embed.truncate());
  post("/v1/embeddings", with(kInput, R"("input":"a")"));
  EXPECT_EQ(log().calls.back().embed().texts(0), "a");
  EXPECT_FALSE(log().calls.back().embed().truncate());
}

TEST_F(OpenAiEmbeddings, Base64_IsLittleEndianF32) {
  const Json answer = post("/v1/embeddings", with(kInput, R"("encoding_format":"base64")"));
  // 0.5F is 0x3F000000: the bytes 00 00 00 3F, three times.
  EXPECT_EQ(answer["data"][0]["embedding"], "AAAAPwAAAD8AAAA/");
}

TEST_F(OpenAiEmbeddings, WrongField_IsNamed) {
  const std::string ids = "input: token ids are not supported, since they depend on the model; send texts";
  expect_refused(
      "/v1/embeddings", kInput,
      {{R"("input":null)", "input: is required"},
       {R"("input":7)", "input: expected a string or a list of strings, found 7"},
       {R"("input":[])", "input: expected 1 to 2048 texts, found 0"},
       {R"("input":["a",2])", "input[1]: expected a string, found 2"},
       {R"("input":[1,2])", ids.c_str()},
       {R"("input":[[1]])", ids.c_str()},
       {R"("dimensions":0)", "dimensions: expected an integer of 1 or more, found 0"},
       {R"("dimensions":"3")", "dimensions: expected an integer, found \"3\""},
       {R"("encoding_format":"hex")", "encoding_format: expected \"float\" or \"base64\", found \"hex\""},
       {R"("encoding_format":1)", "encoding_format: expected a string, found 1"},
       {R"("truncate":1)", "truncate: expected true or false, found 1"},
       {R"("user":1)", "user: expected a string, found 1"}});
}

TEST_F(OpenAiEmbeddings, ModelThatWritesTexts_MakesVectorsToo) {
  model_.opened.set_is_encoder(false);
  EXPECT_EQ(post("/v1/embeddings", kInput)["data"].size(), 2U);
  model_.replies = {failure_reply(protocol::Failure::UNSUPPORTED, "pooling_type: expected 0 (none)")};
  EXPECT_EQ(request(http::Method::kPost, "/v1/embeddings", kInput)->status, 400);
}

class OpenAiModels : public inference::ApiTest {
 protected:
  OpenAiModels() {
    add_openai_routes(router_, deps());
    service_.add("hf.co/user/repo:q4");
  }
};

TEST_F(OpenAiModels, List_HasEveryModel) {
  EXPECT_EQ(get("/v1/models"), Json::parse(R"({"object":"list","data":[
      {"id":"hf.co/user/repo:q4","object":"model","created":1700000000,"owned_by":"hf.co/user"},
      {"id":"tiny:latest","object":"model","created":1700000000,"owned_by":"library"}]})"));
  EXPECT_EQ(get("/v1/models/hf.co/user/repo:q4")["id"], "hf.co/user/repo:q4");
  EXPECT_EQ(get("/v1/models/TINY")["id"], "tiny:latest");
  const auto missing = request(http::Method::kGet, "/v1/models/nope");
  EXPECT_EQ(missing->status, 404);
  EXPECT_EQ(missing->json()["error"]["type"], "not_found_error");
}

TEST_F(OpenAiModels, AnthropicVersion_GetsItsShape) {
  headers_ = {{"anthropic-version", "2023-06-01"}};
  const Json all = get("/v1/models");
  EXPECT_EQ(all["has_more"], false);
  EXPECT_EQ(all["first_id"], "hf.co/user/repo:q4");
  EXPECT_EQ(all["last_id"], "tiny:latest");
  EXPECT_EQ(all["data"][1]["type"], "model");
  EXPECT_EQ(all["data"][1]["display_name"], "tiny:latest");
  EXPECT_TRUE(all["data"][1]["created_at"].get<std::string>().starts_with("2023-11-14T22:13:20"));
  const Json first = get("/v1/models", {{"limit", "1"}});
  EXPECT_EQ(first["has_more"], true);
  const Json second = get("/v1/models", {{"limit", "1"}, {"after_id", "hf.co/user/repo:q4"}});
  EXPECT_EQ(second["data"][0]["id"], "tiny:latest");
  EXPECT_EQ(second["has_more"], false);
  EXPECT_EQ(get("/v1/models", {{"before_id", "tiny:latest"}})["data"][0]["id"], "hf.co/user/repo:q4");
  EXPECT_EQ(get("/v1/models", {{"after_id", "tiny:latest"}})["data"], Json::array());
  EXPECT_EQ(get("/v1/models/tiny")["type"], "model");
  for (const char* limit : {"0", "1001", "x", "", "-1", "1x"}) {
    EXPECT_EQ(request(http::Method::kGet, "/v1/models", "", {{"limit", limit}})->status, 400) << limit;
  }
  const auto missing = request(http::Method::kGet, "/v1/models/nope");
  EXPECT_EQ(missing->status, 404);
  EXPECT_EQ(missing->json()["type"], "error");
  EXPECT_EQ(request(http::Method::kGet, "/v1/models", "", {{"after_id", "nope"}})->status, 400);
}

}  // namespace
}  // namespace hearth::server::openai
