// Vectors, of encoders and of models that write texts.
#include <cmath>

#include "worker/service_fixture.h"

namespace hearth::worker {
namespace {

TEST_F(ServiceTest, Encoder_MakesVectorsAndNoTexts) {
  make_bert();
  EXPECT_TRUE(open().opened().is_encoder());
  Call start = call();
  start.mutable_start();
  ASSERT_TRUE(only_reply_to(start).has_started());
  EXPECT_EQ(only_reply_to(generation("a", 1)).failure().code(), protocol::Failure::UNSUPPORTED);

  Call embed = call();
  for (int i = 0; i < 20; ++i) embed.mutable_embed()->add_texts(std::string(static_cast<size_t>(i) + 1, 'a'));
  const protocol::Vectors whole = only_reply_to(embed).vectors();
  ASSERT_EQ(whole.vectors_size(), 20);
  EXPECT_EQ(whole.vectors(3).numbers_size(), 64);
  Call as_computed = embed;
  as_computed.mutable_embed()->set_not_normalised(true);
  as_computed.set_id(++last_id_);
  const protocol::Vectors raw = only_reply_to(as_computed).vectors();
  double raw_squares = 0;
  for (const float x : raw.vectors(3).numbers())
    raw_squares += static_cast<double>(x) * static_cast<double>(x);
  EXPECT_GT(std::abs(raw_squares - 1), 0.1);
  for (int i = 0; i < 64; ++i) {
    EXPECT_NEAR(static_cast<double>(raw.vectors(3).numbers(i)) / std::sqrt(raw_squares),
                static_cast<double>(whole.vectors(3).numbers(i)), 1e-6);
  }
  EXPECT_GT(whole.n_prompt_tokens(), 60);

  embed.mutable_embed()->set_dimensions(8);
  embed.set_id(++last_id_);
  const protocol::Vectors cut = only_reply_to(embed).vectors();
  ASSERT_EQ(cut.vectors(3).numbers_size(), 8);
  double squares = 0;
  for (const float x : cut.vectors(3).numbers()) squares += static_cast<double>(x) * static_cast<double>(x);
  EXPECT_NEAR(squares, 1.0, 1e-5);
  EXPECT_NEAR(cut.vectors(3).numbers(1) / cut.vectors(3).numbers(0),
              whole.vectors(3).numbers(1) / whole.vectors(3).numbers(0), 1e-3);

  Call too_long = call();
  too_long.mutable_embed()->add_texts("b");
  std::string words;
  for (int i = 0; i < 300; ++i) words += "a ";
  too_long.mutable_embed()->add_texts(words);
  const Reply refused = only_reply_to(too_long);
  EXPECT_EQ(refused.failure().code(), protocol::Failure::RESOURCE_EXHAUSTED);
  EXPECT_NE(refused.failure().message().find("text 2"), std::string::npos);
  too_long.mutable_embed()->set_truncate(true);
  too_long.set_id(++last_id_);
  EXPECT_EQ(only_reply_to(too_long).vectors().vectors_size(), 2);
}

// Of a llama whose file says how to pool (0: it does not), held to the final states of a forward pass in
// double precision.
class DecoderVectors : public ServiceTest, public ::testing::WithParamInterface<uint32_t> {
 protected:
  DecoderVectors() {
    auto writer = tiny_.gguf();
    if (GetParam() > 0) writer.add_u32("llama.pooling_type", GetParam());
    writer.write(folder_ / "tiny.gguf");
    protocol::StartOptions options;
    options.set_context_tokens(kContextTokens);
    options.set_max_sequences(3);
    start(options);
  }
  static testing::TinyLlamaShape shape() {
    testing::TinyLlamaShape shape;
    shape.context_tokens = kContextTokens;
    return shape;
  }
  Call embedding(const std::vector<std::string>& texts) {
    Call embed = call();
    for (const std::string& text : texts) embed.mutable_embed()->add_texts(text);
    return embed;
  }
  std::vector<double> expected(const std::string& text) {
    Call tokenize = call();
    tokenize.mutable_tokenize()->mutable_text()->set_text(text);
    const protocol::Tokens tokens = only_reply_to(tokenize).tokens();
    const auto states = tiny_.hidden({tokens.ids().data(), static_cast<size_t>(tokens.ids_size())});
    if (GetParam() == 2) return states.front();
    if (GetParam() != 1) return states.back();
    std::vector<double> mean(states.front().size());
    for (const auto& state : states) {
      for (size_t i = 0; i < mean.size(); ++i) mean[i] += state[i] / static_cast<double>(states.size());
    }
    return mean;
  }
  static double length_of(const std::vector<double>& vector) {
    double squares = 0;
    for (const double x : vector) squares += x * x;
    return std::sqrt(squares);
  }
  static void expect_vector(const protocol::Vectors::Vector& found, const std::vector<double>& expected,
                            double scale) {
    ASSERT_EQ(static_cast<size_t>(found.numbers_size()), expected.size());
    double squares = 0;
    for (size_t i = 0; i < expected.size(); ++i) {
      const double difference = static_cast<double>(found.numbers(static_cast<int>(i))) - expected[i] * scale;
      squares += difference * difference;
    }
    EXPECT_LT(std::sqrt(squares), 1e-3 * length_of(expected) * scale);
  }

  static constexpr int64_t kContextTokens = 640;  // more than a step's
  testing::TinyLlama tiny_{shape(), 1};
};

TEST_P(DecoderVectors, AreThoseOfTheFinalStates) {
  const std::vector<std::string> texts{"hello", "world of letters", std::string(600, 'q'), "a"};
  const protocol::Vectors unit = only_reply_to(embedding(texts)).vectors();
  Call as_computed = embedding(texts);
  as_computed.mutable_embed()->set_not_normalised(true);
  const protocol::Vectors raw = only_reply_to(as_computed).vectors();
  ASSERT_EQ(unit.vectors_size(), 4);
  ASSERT_EQ(raw.vectors_size(), 4);
  EXPECT_GT(unit.n_prompt_tokens(), 620);
  for (int i = 0; i < 4; ++i) {
    const std::vector<double> vector = expected(texts[static_cast<size_t>(i)]);
    ASSERT_GT(std::abs(length_of(vector) - 1), 0.1);  // or the two would be the same
    expect_vector(unit.vectors(i), vector, 1 / length_of(vector));
    expect_vector(raw.vectors(i), vector, 1);
  }
}

TEST_P(DecoderVectors, BesideAnswers_AreTheSameBitByBit) {
  const std::vector<std::string> texts{"hello", "world of letters", "c", "d", "e", "hello"};
  const std::string alone = only_reply_to(embedding(texts)).vectors().SerializeAsString();
  const std::string answer = text_of(replies_to(generation("go on", 20)));
  const Call generate = generation("go on", 20);
  service_.handle(generate);
  for (int i = 0; i < 3; ++i) service_.step();
  const Call embed = embedding(texts);
  EXPECT_EQ(only_reply_to(embed).vectors().SerializeAsString(), alone);
  EXPECT_EQ(text_of(replies_of(generate.id())), answer);
}

INSTANTIATE_TEST_SUITE_P(Pooling, DecoderVectors, ::testing::Values(0U, 1U, 2U, 3U));

TEST_F(ServiceTest, VectorsOfADecoder_AreCutRefusedAndCancelled) {
  make_llama();
  protocol::StartOptions options;
  options.set_max_waiting(1);
  start(options);
  Call embed = call();
  embed.mutable_embed()->add_texts("a");
  embed.mutable_embed()->add_texts(std::string(600, 'b'));
  const Reply refused = only_reply_to(embed);
  EXPECT_EQ(refused.failure().code(), protocol::Failure::RESOURCE_EXHAUSTED);
  EXPECT_NE(refused.failure().message().find("text 2"), std::string::npos);
  embed.mutable_embed()->set_truncate(true);
  embed.mutable_embed()->set_dimensions(8);
  embed.set_id(++last_id_);
  const protocol::Vectors cut = only_reply_to(embed).vectors();
  ASSERT_EQ(cut.vectors_size(), 2);
  EXPECT_EQ(cut.vectors(1).numbers_size(), 8);
  EXPECT_GT(cut.n_prompt_tokens(), 512);
  embed.mutable_embed()->set_dimensions(65);
  embed.set_id(++last_id_);
  EXPECT_EQ(only_reply_to(embed).failure().code(), protocol::Failure::INVALID_ARGUMENT);

  embed.mutable_embed()->clear_dimensions();
  embed.set_id(++last_id_);
  service_.handle(embed);
  service_.step();
  Call second = embed;
  second.set_id(++last_id_);
  service_.handle(second);
  EXPECT_EQ(replies_of(second.id()).at(0).failure().code(), protocol::Failure::UNAVAILABLE);
  Call cancel = call();
  cancel.mutable_cancel()->set_call(embed.id());
  service_.handle(cancel);
  EXPECT_EQ(replies_of(embed.id()).at(0).failure().code(), protocol::Failure::CANCELLED);
  EXPECT_FALSE(service_.has_work());
}

TEST_F(ServiceTest, PoolingThatIsNotKnown_IsRefusedForVectorsAlone) {
  testing::TinyLlama({}, 1).gguf().add_u32("llama.pooling_type", 4).write(folder_ / "tiny.gguf");
  start();
  Call embed = call();
  embed.mutable_embed()->add_texts("a");
  const Reply refused = only_reply_to(embed);
  EXPECT_EQ(refused.failure().code(), protocol::Failure::UNSUPPORTED);
  EXPECT_NE(refused.failure().message().find("pooling_type"), std::string::npos);
  EXPECT_TRUE(replies_to(generation("a", 2)).back().has_finished());
}

}  // namespace
}  // namespace hearth::worker
