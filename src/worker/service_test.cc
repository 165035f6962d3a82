#include "worker/service.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <thread>

#include "backends/cpu/cpu_backend.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tiny_bert.h"
#include "tests/support/tiny_llama.h"
#include "worker/load_report.h"

namespace hearth::worker {
namespace {

using protocol::Call;
using protocol::Reply;

constexpr const char* kTemplate =
    "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}"
    "{% if enable_thinking is defined %}[{{ 'think' if enable_thinking else 'no' }}]{% endif %}"
    "{% if reasoning_effort is defined %}[{{ reasoning_effort }}]{% endif %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}";

class ServiceTest : public ::testing::Test {
 protected:
  void make_llama(const std::string& chat_template = "", int64_t context_tokens = 512) {
    testing::TinyLlamaShape shape;
    shape.context_tokens = context_tokens;
    auto writer = testing::TinyLlama(shape, 1).gguf();
    if (!chat_template.empty()) writer.add_string("tokenizer.chat_template", chat_template);
    writer.write(folder_ / "tiny.gguf");
  }
  void make_bert() { testing::TinyBert({}, 1).gguf().write(folder_ / "tiny.gguf"); }

  Call call() {
    Call call;
    call.set_id(++last_id_);
    return call;
  }
  // The replies to a call, by the time that nothing is left to do.
  std::vector<Reply> replies_to(const Call& call) {
    service_.handle(call);
    while (service_.has_work()) service_.step();
    return replies_of(call.id());
  }
  std::vector<Reply> replies_of(uint64_t id) const {
    std::vector<Reply> replies;
    for (const Reply& reply : replies_) {
      if (reply.id() == id) replies.push_back(reply);
    }
    return replies;
  }
  Reply only_reply_to(const Call& call) {
    std::vector<Reply> replies = replies_to(call);
    std::erase_if(replies, [](const Reply& reply) { return reply.has_progress(); });
    EXPECT_EQ(replies.size(), 1U);
    return replies.empty() ? Reply() : replies.front();
  }

  Reply open(const protocol::StartOptions& options = {}) {
    Call open = call();
    open.mutable_open()->set_chat_template(other_template_);
    protocol::Open::File& file = *open.mutable_open()->add_files();
    const UniqueDescriptor opened(::open((folder_ / "tiny.gguf").c_str(), O_RDONLY | O_CLOEXEC));
    file.set_path("tiny.gguf");
    file.set_descriptor(::fcntl(opened.get(), F_DUPFD_CLOEXEC, 10));
    open.mutable_open()->set_path("tiny.gguf");
    *open.mutable_open()->mutable_options() = options;
    return only_reply_to(open);
  }
  void start(const protocol::StartOptions& options = {}) {
    ASSERT_TRUE(open(options).has_opened()) << replies_.back().failure().message();
    Call start = call();
    *start.mutable_start()->mutable_options() = options;
    ASSERT_TRUE(only_reply_to(start).has_started());
  }

  Call generation(const std::string& text, int64_t n_tokens, float temperature = 0) {
    Call generation = call();
    generation.mutable_generate()->mutable_text()->set_text(text);
    generation.mutable_generate()->mutable_sampling()->set_temperature(temperature);
    generation.mutable_generate()->set_max_tokens(n_tokens);
    generation.mutable_generate()->set_ignore_end(true);
    return generation;
  }
  static std::string text_of(const std::vector<Reply>& replies, uint32_t answer = 0) {
    std::string text;
    for (const Reply& reply : replies) {
      if (reply.has_delta() && reply.delta().answer() == answer) text += reply.delta().text();
    }
    return text;
  }
  static protocol::Finished end_of(const std::vector<Reply>& replies, uint32_t answer = 0) {
    for (const Reply& reply : replies) {
      if (reply.has_finished() && reply.finished().answer() == answer) return reply.finished();
    }
    ADD_FAILURE() << "answer " << answer << " did not end";
    return {};
  }

  testing::TemporaryFolder folder_;
  std::string other_template_;  // given when the model is opened
  uint64_t last_id_ = 0;
  std::vector<Reply> replies_;
  Service service_{{"nothing",
                    [](int n) {
                      return cpu::make_cpu_backend({*choose_isa(), n});
                    },
                    1},
                   [this](const Reply& reply) { replies_.push_back(reply); }};
};

TEST_F(ServiceTest, Open_SaysWhatTheModelIsAndTakes) {
  make_llama(kTemplate);
  protocol::StartOptions options;
  options.set_context_tokens(128);
  options.set_max_sequences(3);
  const protocol::Opened small = open(options).opened();
  EXPECT_EQ(small.sandbox(), "nothing");
  EXPECT_EQ(small.format(), "gguf");
  EXPECT_EQ(small.architecture(), "llama");
  EXPECT_EQ(small.quantisation(), "F32");
  EXPECT_EQ(small.trained_context_tokens(), 512);
  EXPECT_EQ(small.context_tokens(), 128);
  EXPECT_EQ(small.vocabulary_size(), testing::TinyLlama::kVocabularySize);
  EXPECT_EQ(small.chat_template(), kTemplate);
  EXPECT_EQ(small.chat_format(), "the model's template");
  EXPECT_TRUE(small.has_template_thinking());
  EXPECT_FALSE(small.is_encoder());
  EXPECT_GT(small.memory().weights_bytes(), small.n_parameters() * 2);
  // 2 layers, 2 heads of 16 keys and values, in F16, of 3 sequences.
  EXPECT_EQ(small.memory().kv_bytes(), 2 * 2 * 16 * 2 * 2 * 128 * 3);
  EXPECT_GT(small.memory().work_bytes(), 0);
}

TEST_F(ServiceTest, Load_TellsItsStagesInTheirOrder) {
  make_llama();
  start();
  std::vector<std::string> stages;
  for (const Reply& reply : replies_) {
    if (!reply.has_progress()) continue;
    const protocol::Progress& progress = reply.progress();
    if (stages.empty() || stages.back() != progress.stage()) {
      stages.push_back(progress.stage());
      EXPECT_EQ(progress.completed(), 0U) << progress.stage();
    }
    EXPECT_EQ(reply.id(), progress.stage() == "allocating memory" ? 2U : 1U);
    if (progress.stage() != "reading weights") continue;
    EXPECT_GT(progress.total(), std::filesystem::file_size(folder_ / "tiny.gguf") / 2);
  }
  EXPECT_EQ(stages,
            (std::vector<std::string>{"reading the vocabulary", "reading weights", "allocating memory"}));
}

TEST(LoadReport, TellsEachStageAtOnceAndThenNotTooOften) {
  std::vector<std::string> told;
  LoadReport report(7, [&told](const Reply& reply) {
    EXPECT_EQ(reply.id(), 7U);
    told.push_back(fmt::format("{} {}/{}", reply.progress().stage(), reply.progress().completed(),
                               reply.progress().total()));
  });
  for (uint64_t i = 0; i < 1000; ++i) report.tell({.stage = "a", .completed_bytes = i, .total_bytes = 1000});
  report.tell({.stage = "b"});
  EXPECT_LT(told.size(), 500U);
  EXPECT_EQ(told.front(), "a 0/1000");
  EXPECT_EQ(told.back(), "b 0/0");
  std::this_thread::sleep_for(std::chrono::milliseconds(120));
  report.tell({.stage = "b", .completed_bytes = 5, .total_bytes = 9});
  EXPECT_EQ(told.back(), "b 5/9");
}

// Each tensor's bytes count once, also where they are asked for in parts.
TEST(ObservedCheckpoint, CountsWhatWasAskedFor) {
  const std::string bytes = testing::TinyLlama({}, 1).gguf().build();
  const auto file = gguf::File::parse(std::as_bytes(std::span(bytes)), "tiny.gguf");
  const models::GgufCheckpoint inner(*file);
  std::vector<models::LoadStep> steps;
  const models::OnLoadStep on_step = [&steps](const models::LoadStep& step) { steps.push_back(step); };
  const models::ObservedCheckpoint observed(inner, on_step);
  uint64_t total = 0;
  for (const gguf::TensorInfo& tensor : observed.tensors()) {
    total += tensor.size_bytes;
    for (int i = 0; i < 2; ++i) {
      ASSERT_TRUE(observed.data(tensor));
      EXPECT_EQ(steps.back().completed_bytes, total);
    }
  }
  EXPECT_EQ(steps.size(), inner.tensors().size() + 1);
  EXPECT_EQ(steps.front().completed_bytes, 0U);
  for (const models::LoadStep& step : steps) EXPECT_EQ(step.total_bytes, total);
}

TEST_F(ServiceTest, KvTokens_AreSharedByAllSequences) {
  make_llama();
  protocol::StartOptions options;
  options.set_context_tokens(128);
  options.set_max_sequences(3);
  options.set_kv_tokens(192);
  start(options);
  const auto opened =
      std::find_if(replies_.begin(), replies_.end(), [](const Reply& reply) { return reply.has_opened(); });
  EXPECT_EQ(opened->opened().memory().kv_bytes(), 2 * 2 * 16 * 2 * 2 * 192);
  std::vector<Call> calls;
  for (const char* text : {"a", "b", "c"}) {
    calls.push_back(generation(text, 100));
    service_.handle(calls.back());
  }
  while (service_.has_work()) service_.step();
  for (const Call& call : calls) EXPECT_EQ(end_of(replies_of(call.id())).n_generated_tokens(), 100);
}

TEST_F(ServiceTest, KvTokensBelowTheContext_AreAContext) {
  make_llama();
  protocol::StartOptions options;
  options.set_context_tokens(128);
  options.set_max_sequences(3);
  options.set_kv_tokens(1);
  EXPECT_EQ(open(options).opened().memory().kv_bytes(), 2 * 2 * 16 * 2 * 2 * 128);
}

TEST_F(ServiceTest, ContextBeyondTheModels_IsTheModels) {
  make_llama();
  protocol::StartOptions options;
  options.set_context_tokens(1'000'000);
  EXPECT_EQ(open(options).opened().context_tokens(), 512);
}

TEST_F(ServiceTest, CallsOutOfTheirOrder_AreRefusedAndNothingElse) {
  make_llama();
  EXPECT_EQ(only_reply_to(generation("Hello", 1)).failure().code(), protocol::Failure::USAGE);
  Call start = call();
  start.mutable_start();
  EXPECT_EQ(only_reply_to(start).failure().code(), protocol::Failure::USAGE);
  EXPECT_TRUE(open().has_opened());
  EXPECT_EQ(open().failure().code(), protocol::Failure::USAGE);
  EXPECT_EQ(only_reply_to(call()).failure().code(), protocol::Failure::UNSUPPORTED);
  start.set_id(++last_id_);
  EXPECT_TRUE(only_reply_to(start).has_started());
  EXPECT_TRUE(replies_to(generation("Hello", 1)).back().has_finished());
}

TEST_F(ServiceTest, Generate_TellsWhatItDid) {
  make_llama();
  start();
  const auto replies = replies_to(generation("Hello", 5));
  ASSERT_TRUE(replies.front().has_accepted());
  const protocol::Finished end = end_of(replies);
  EXPECT_EQ(end.n_prompt_tokens(), replies.front().accepted().n_prompt_tokens());
  EXPECT_EQ(end.n_generated_tokens(), 5);
  EXPECT_EQ(end.reason(), protocol::Finished::LENGTH);
  EXPECT_EQ(end.token_ids_size(), end.n_prompt_tokens() + 5);
  EXPECT_GT(end.prompt_ns(), 0);
  EXPECT_GT(end.decode_ns(), 0);
  EXPECT_FALSE(text_of(replies).empty());
}

TEST_F(ServiceTest, OwnSmallerContext_EndsTheAnswerAsAFullOne) {
  make_llama();
  start();
  Call small = generation("Hello", -1);
  small.mutable_generate()->set_context_tokens(20);
  const protocol::Finished end = end_of(replies_to(small));
  EXPECT_EQ(end.reason(), protocol::Finished::CONTEXT);
  EXPECT_EQ(end.token_ids_size(), 20);
}

TEST_F(ServiceTest, SeveralAnswers_ShareThePromptAndHaveTheirOwnSeeds) {
  make_llama();
  protocol::StartOptions options;
  options.set_max_sequences(4);
  start(options);
  const std::string prompt(100, 'a');
  Call three = generation(prompt, 12, 1.0F);
  three.mutable_generate()->set_n(3);
  three.mutable_generate()->mutable_sampling()->set_seed(5);
  const auto replies = replies_to(three);
  EXPECT_EQ(std::count_if(replies.begin(), replies.end(), [](const Reply& r) { return r.has_accepted(); }),
            1);
  EXPECT_TRUE(replies.back().has_finished());
  EXPECT_EQ(end_of(replies, 0).n_cached_tokens(), 0);
  for (uint32_t i = 0; i < 3; ++i) {
    EXPECT_GE(end_of(replies, i).n_cached_tokens(), i == 0 ? 0 : 64);
    Call alone = generation(prompt, 12, 1.0F);
    alone.mutable_generate()->mutable_sampling()->set_seed(5 + i);
    EXPECT_EQ(text_of(replies_to(alone)), text_of(replies, i)) << i;
  }
  EXPECT_NE(text_of(replies, 0), text_of(replies, 1));
}

TEST_F(ServiceTest, StopString_IsNamed) {
  make_llama();
  start();
  const std::string text = text_of(replies_to(generation("Hello", 30)));
  ASSERT_GT(text.size(), 8U);
  Call stopping = generation("Hello", 30);
  stopping.mutable_generate()->add_stop("\x01 never");
  stopping.mutable_generate()->add_stop(text.substr(4, 3));
  const auto replies = replies_to(stopping);
  EXPECT_EQ(end_of(replies).reason(), protocol::Finished::STOP);
  EXPECT_EQ(end_of(replies).stop(), text.substr(4, 3));
  EXPECT_EQ(text_of(replies), text.substr(0, text.find(text.substr(4, 3))));
}

TEST_F(ServiceTest, Cancel_EndsThatCallAlone) {
  make_llama();
  protocol::StartOptions options;
  options.set_max_sequences(2);
  start(options);
  const Call one = generation("Hello", 400);
  const Call other = generation("World", 20);
  service_.handle(one);
  service_.handle(other);
  for (int i = 0; i < 5; ++i) service_.step();
  Call cancel = call();
  cancel.mutable_cancel()->set_call(one.id());
  EXPECT_TRUE(replies_to(cancel).empty());
  EXPECT_EQ(end_of(replies_of(one.id())).reason(), protocol::Finished::CANCELLED);
  EXPECT_EQ(end_of(replies_of(other.id())).reason(), protocol::Finished::LENGTH);
  EXPECT_TRUE(replies_to(cancel).empty());
}

TEST_F(ServiceTest, MoreThanMayWait_IsRefused) {
  make_llama();
  protocol::StartOptions options;
  options.set_max_waiting(1);
  start(options);
  const Call first = generation("a", 5);
  const Call second = generation("b", 5);
  service_.handle(first);
  service_.handle(second);
  const Call third = generation("c", 5);
  service_.handle(third);
  ASSERT_EQ(replies_of(third.id()).size(), 1U);
  EXPECT_EQ(replies_of(third.id())[0].failure().code(), protocol::Failure::UNAVAILABLE);
  while (service_.has_work()) service_.step();
  EXPECT_TRUE(replies_of(second.id()).back().has_finished());
}

TEST_F(ServiceTest, WrongOptions_FailTheirCallAlone) {
  make_llama();
  start();
  Call hot = generation("a", 5);
  hot.mutable_generate()->mutable_sampling()->set_temperature(-1);
  EXPECT_EQ(only_reply_to(hot).failure().code(), protocol::Failure::INVALID_ARGUMENT);
  Call many = generation("a", 5);
  many.mutable_generate()->set_n(1000);
  EXPECT_EQ(only_reply_to(many).failure().code(), protocol::Failure::INVALID_ARGUMENT);
  Call unknown = call();
  unknown.mutable_generate()->mutable_tokens()->add_ids(100'000);
  EXPECT_EQ(only_reply_to(unknown).failure().code(), protocol::Failure::INVALID_ARGUMENT);
  EXPECT_EQ(only_reply_to(generation(std::string(1000, 'a'), 5)).failure().code(),
            protocol::Failure::RESOURCE_EXHAUSTED);
  EXPECT_TRUE(replies_to(generation("a", 5)).back().has_finished());
}

TEST_F(ServiceTest, Conversation_IsRenderedAndThought) {
  make_llama(kTemplate);
  start();
  const char* const conversation = R"({"messages": [{"role": "user", "content": "Hi"}]})";
  Call render = call();
  render.mutable_render()->set_conversation_json(conversation);
  EXPECT_EQ(only_reply_to(render).tokens().text(), "<user>Hi<assistant>");
  render.mutable_render()->mutable_think()->set_enabled(true);
  render.mutable_render()->mutable_think()->set_effort("low");
  render.set_id(++last_id_);
  EXPECT_EQ(only_reply_to(render).tokens().text(), "<user>Hi[think][low]<assistant>");
  render.mutable_render()->set_conversation_json(
      R"({"messages": [], "enable_thinking": false, "add_generation_prompt": false})");
  render.set_id(++last_id_);
  const Reply rendered = only_reply_to(render);
  EXPECT_EQ(rendered.tokens().text(), "[no][low]");
  EXPECT_EQ(rendered.tokens().ids_size(), rendered.tokens().pieces_size());

  Call chat = generation("", 8);
  chat.mutable_generate()->set_conversation_json(conversation);
  const auto said = replies_to(chat);
  EXPECT_EQ(text_of(said), text_of(replies_to(generation("<user>Hi<assistant>", 8))));
  chat.mutable_generate()->set_template_source("{{ messages[0].content }}!");
  chat.set_id(++last_id_);
  EXPECT_EQ(text_of(replies_to(chat)), text_of(replies_to(generation("Hi!", 8))));
  chat.mutable_generate()->set_conversation_json("[1]");
  chat.set_id(++last_id_);
  EXPECT_EQ(only_reply_to(chat).failure().code(), protocol::Failure::MALFORMED);
}

TEST_F(ServiceTest, ConversationWithoutAFormat_IsUnsupported) {
  make_llama();
  start();
  Call chat = generation("", 8);
  chat.mutable_generate()->set_conversation_json(R"({"messages": []})");
  EXPECT_EQ(only_reply_to(chat).failure().code(), protocol::Failure::UNSUPPORTED);
}

TEST_F(ServiceTest, BrokenTemplate_FailsConversationsAlone) {
  make_llama("{% if %}");
  start();
  Call chat = generation("", 8);
  chat.mutable_generate()->set_conversation_json(R"({"messages": []})");
  EXPECT_EQ(only_reply_to(chat).failure().code(), protocol::Failure::MALFORMED);
  EXPECT_TRUE(replies_to(generation("a", 2)).back().has_finished());
}

TEST_F(ServiceTest, OtherTemplate_TakesThePlaceOfTheModels) {
  make_llama(kTemplate);
  other_template_ = "{% for m in messages %}[{{ m.role }}: {{ m.content }}]{% endfor %}";
  const Reply opened = open();
  ASSERT_TRUE(opened.has_opened()) << opened.failure().message();
  EXPECT_EQ(opened.opened().chat_template(), other_template_);
  EXPECT_EQ(opened.opened().chat_format(), "the model's template");
  EXPECT_EQ(opened.opened().chat_template_problem(), "");
  EXPECT_FALSE(opened.opened().has_template_thinking()) << "the model's own knows it";
  Call start = call();
  start.mutable_start();
  ASSERT_TRUE(only_reply_to(start).has_started());
  Call render = call();
  render.mutable_render()->set_conversation_json(R"({"messages":[{"role":"user","content":"hi"}]})");
  EXPECT_EQ(only_reply_to(render).tokens().text(), "[user: hi]");
}

TEST_F(ServiceTest, OtherTemplateThatIsBroken_IsTold) {
  make_llama(kTemplate);
  other_template_ = "{% for %}";
  const Reply opened = open();
  ASSERT_TRUE(opened.has_opened()) << opened.failure().message();
  EXPECT_NE(opened.opened().chat_template_problem().find("template layer"), std::string::npos)
      << opened.opened().chat_template_problem();
  EXPECT_EQ(opened.opened().chat_format(), "");
}

TEST_F(ServiceTest, Tokens_GoThereAndBack) {
  make_llama();
  ASSERT_TRUE(open().has_opened());
  Call tokenize = call();
  tokenize.mutable_tokenize()->mutable_text()->set_text("hello world");
  const protocol::Tokens tokens = only_reply_to(tokenize).tokens();
  ASSERT_GT(tokens.ids_size(), 5);
  Call detokenize = call();
  *detokenize.mutable_detokenize()->mutable_tokens()->mutable_ids() = tokens.ids();
  EXPECT_EQ(only_reply_to(detokenize).text().text(), "hello world");
}

TEST_F(ServiceTest, Inspect_LeavesLongArraysOut) {
  make_llama();
  ASSERT_TRUE(open().has_opened());
  Call inspect = call();
  inspect.mutable_inspect();
  const protocol::Inspection shortly = only_reply_to(inspect).inspection();
  const auto metadata = nlohmann::json::parse(shortly.metadata_json());
  EXPECT_EQ(metadata.at("general.architecture"), "llama");
  EXPECT_TRUE(metadata.at("tokenizer.ggml.tokens").is_null());
  EXPECT_GT(shortly.tensors_size(), 10);
  EXPECT_EQ(shortly.tensors(0).type(), "F32");
  inspect.mutable_inspect()->set_verbose(true);
  inspect.set_id(++last_id_);
  const auto all = nlohmann::json::parse(only_reply_to(inspect).inspection().metadata_json());
  EXPECT_EQ(all.at("tokenizer.ggml.tokens").size(), static_cast<size_t>(testing::TinyLlama::kVocabularySize));
}

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

TEST_F(ServiceTest, DescriptorsOfTheProcessItself_AreNotTaken) {
  Call open = call();
  protocol::Open::File& file = *open.mutable_open()->add_files();
  file.set_path("x");
  file.set_descriptor(2);
  EXPECT_EQ(only_reply_to(open).failure().code(), protocol::Failure::INVALID_ARGUMENT);
}

}  // namespace
}  // namespace hearth::worker
