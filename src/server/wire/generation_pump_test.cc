#include "server/wire/generation_pump.h"

#include <gtest/gtest.h>

#include "server/models/fake_model_service_fixture.h"
#include "server/wire/recording_responder_fixture.h"

namespace hearth::server::wire {
namespace {

class GenerationPump : public testing::Test {
 protected:
  // Runs a generation whose engine replies as `model_` says, until `sink` has had enough.
  GenerationEnd pump(size_t n_answers = 1, size_t wanted_deltas = SIZE_MAX) {
    GenerationEnd end;
    run_to_end(context_, pump_into(end, n_answers, wanted_deltas));
    return end;
  }

  ApiResult<protocol::Reply> ask() {
    std::optional<ApiResult<protocol::Reply>> result;
    run_to_end(context_, ask_into(result));
    return *std::move(result);
  }

  Task<void> pump_into(GenerationEnd& end, size_t n_answers, size_t wanted_deltas) {
    auto lease = co_await service_.acquire("tiny", {});
    auto call = (*lease)->call({});
    PumpSinks sinks;
    sinks.on_delta = [this, wanted_deltas](const protocol::Delta& delta) -> Task<bool> {
      texts_.push_back(delta.text());
      co_return texts_.size() < wanted_deltas;
    };
    sinks.on_accepted = [this](const protocol::Accepted&) -> Task<bool> {
      ++n_accepted_;
      co_return true;
    };
    end = co_await pump_generation(*call, responder_, std::move(sinks), n_answers);
  }

  Task<void> ask_into(std::optional<ApiResult<protocol::Reply>>& result) {
    auto lease = co_await service_.acquire("tiny", {});
    auto call = (*lease)->call({});
    result = co_await only_reply(*call, responder_);
  }

  boost::asio::io_context context_;
  FakeModelService service_{context_.get_executor()};
  FakeModel& model_ = service_.add("tiny:latest");
  RecordingResponder responder_;
  std::vector<std::string> texts_;
  int n_accepted_ = 0;
};

TEST_F(GenerationPump, WholeAnswer_GivesDeltasAndCounts) {
  model_.replies = {accepted_reply(5, 2), delta_reply("a"), delta_reply("b"),
                    finished_reply(protocol::Finished::STOP, 5, 2)};
  const GenerationEnd end = pump();
  EXPECT_FALSE(end.error);
  EXPECT_FALSE(end.client_gone);
  EXPECT_EQ(texts_, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(n_accepted_, 1);
  EXPECT_EQ(end.accepted.n_cached_tokens(), 2);
  ASSERT_EQ(end.answers.size(), 1U);
  EXPECT_EQ(end.n_generated_tokens(), 2);
  EXPECT_EQ(service_.log().n_cancelled, 0);
}

TEST_F(GenerationPump, SeveralAnswers_AllHaveToEnd) {
  model_.replies = {finished_reply(protocol::Finished::STOP, 5, 2, 1),
                    finished_reply(protocol::Finished::LENGTH, 5, 3, 0)};
  EXPECT_EQ(pump(2).n_generated_tokens(), 5);
  const GenerationEnd short_of_one = pump(3);
  ASSERT_TRUE(short_of_one.error);
  EXPECT_EQ(short_of_one.error->status, 500);
}

TEST_F(GenerationPump, Failure_HasTheStatusOfItsCode) {
  const std::vector<std::pair<protocol::Failure::Code, int>> cases{
      {protocol::Failure::UNAVAILABLE, 503},        {protocol::Failure::INVALID_ARGUMENT, 400},
      {protocol::Failure::RESOURCE_EXHAUSTED, 400}, {protocol::Failure::INTERNAL, 500},
      {protocol::Failure::UNSUPPORTED, 400},        {protocol::Failure::IO, 500}};
  for (const auto& [code, status] : cases) {
    model_.replies = {delta_reply("a"), failure_reply(code, "why")};
    const GenerationEnd end = pump();
    ASSERT_TRUE(end.error);
    EXPECT_EQ(end.error->status, status);
    EXPECT_EQ(end.error->message, "why");
  }
}

TEST_F(GenerationPump, EngineThatEndsWithoutAWord_IsAnError) {
  model_.replies = {delta_reply("a")};
  EXPECT_EQ(pump().error->status, 500);
}

TEST_F(GenerationPump, AnswerCancelledByTheServer_IsAnError) {
  model_.replies = {finished_reply(protocol::Finished::CANCELLED, 5, 2)};
  EXPECT_EQ(pump().error->status, 503);
}

TEST_F(GenerationPump, SinkThatHasEnough_CancelsTheCall) {
  model_.hangs = true;
  model_.replies = {delta_reply("a"), delta_reply("b"), delta_reply("c")};
  const GenerationEnd end = pump(1, 2);
  EXPECT_TRUE(end.client_gone);
  EXPECT_FALSE(end.error);
  EXPECT_EQ(texts_.size(), 2U);
  EXPECT_EQ(service_.log().n_cancelled, 1);
  EXPECT_EQ(service_.log().n_open, 0);
}

TEST_F(GenerationPump, ClientThatLeavesWhileNothingComes_CancelsTheCall) {
  model_.hangs = true;
  model_.when_hanging = [this] { responder_.disconnect(); };
  const GenerationEnd end = pump();
  EXPECT_TRUE(end.client_gone);
  EXPECT_EQ(service_.log().n_cancelled, 1);
}

TEST_F(GenerationPump, OnlyReply_IsTheLastOneOrItsFailure) {
  protocol::Reply tokens;
  tokens.mutable_tokens()->add_ids(7);
  model_.replies = {tokens};
  EXPECT_EQ(ask()->tokens().ids(0), 7);
  model_.replies = {failure_reply(protocol::Failure::UNAVAILABLE, "dead")};
  EXPECT_EQ(ask().error().status, 503);
  model_.replies = {};
  EXPECT_EQ(ask().error().status, 500);
  model_.hangs = true;
  model_.when_hanging = [this] { responder_.disconnect(); };
  EXPECT_EQ(ask().error().status, 499);
}

}  // namespace
}  // namespace hearth::server::wire
