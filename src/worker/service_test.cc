#include "worker/service.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/support/random_adapter.h"
#include "worker/service_fixture.h"

namespace hearth::worker {
namespace {

constexpr const char* kTemplate =
    "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}"
    "{% if enable_thinking is defined %}[{{ 'think' if enable_thinking else 'no' }}]{% endif %}"
    "{% if reasoning_effort is defined %}[{{ reasoning_effort }}]{% endif %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}";

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

// Calls of several and of none side by side; who has one keeps it when it is unloaded.
TEST_F(ServiceTest, Adapters_AreForTheCallsThatNameThem) {
  make_llama();
  start();
  const auto base = models::open_checkpoint(folder_ / "tiny.gguf");
  for (const uint32_t seed : {1U, 2U}) {
    write_adapter(hearth::testing::random_adapter(**base, hearth::testing::kLlamaTargets, 3, seed));
    const Reply loaded = load_adapter(fmt::format("adapter {}", seed));
    ASSERT_TRUE(loaded.has_adapter_loaded()) << loaded.failure().message();
    EXPECT_GT(loaded.adapter_loaded().size_bytes(), 0);
  }
  const auto adapted = [this](const std::string& adapter) {
    Call asked = generation("a", 12);
    asked.mutable_generate()->set_adapter(adapter);
    return asked;
  };
  const std::string without = text_of(replies_to(adapted("")));
  const std::string first = text_of(replies_to(adapted("adapter 1")));
  const std::string second = text_of(replies_to(adapted("adapter 2")));
  EXPECT_NE(without, first);
  EXPECT_NE(without, second);
  EXPECT_NE(first, second);

  const std::vector<Call> together = {adapted("adapter 1"), adapted(""), adapted("adapter 2")};
  for (const Call& one : together) service_.handle(one);
  service_.step();
  Call unload = call();
  unload.mutable_unload_adapter()->set_id("adapter 1");
  service_.handle(unload);
  while (service_.has_work()) service_.step();
  EXPECT_EQ(text_of(replies_of(together[0].id())), first);
  EXPECT_EQ(text_of(replies_of(together[1].id())), without);
  EXPECT_EQ(text_of(replies_of(together[2].id())), second);
  EXPECT_EQ(only_reply_to(adapted("adapter 1")).failure().code(), protocol::Failure::NOT_FOUND);
}

TEST_F(ServiceTest, AdapterThatIsNotForTheModel_IsRefused) {
  make_llama();
  ASSERT_TRUE(open().has_opened());
  const auto base = models::open_checkpoint(folder_ / "tiny.gguf");
  models::LoraAdapter adapter = hearth::testing::random_adapter(**base, {"attn_q"}, 3, 1);
  write_adapter(adapter);
  EXPECT_TRUE(load_adapter("good").has_adapter_loaded()) << "before the model is started";
  EXPECT_EQ(load_adapter("good").failure().code(), protocol::Failure::USAGE);
  adapter.matrices[0].weight = "blk.9.attn_q.weight";
  write_adapter(adapter);
  const Reply refused = load_adapter("bad");
  ASSERT_TRUE(refused.has_failure());
  EXPECT_NE(refused.failure().message().find("blk.9.attn_q.weight"), std::string::npos);
  std::ofstream(folder_ / "adapter.gguf") << "no adapter";
  EXPECT_NE(load_adapter("bad").failure().message().find("adapter.gguf"), std::string::npos);
}

TEST_F(ServiceTest, OtherTemplateInGosLanguage_RendersConversations) {
  make_llama(kTemplate);
  other_template_ =
      "{{ range .Messages }}[{{ .Role }}: {{ .Content }}]{{ end }}{{ if .Think }}<think>{{ else if "
      ".IsThinkSet }}</think>{{ end }}";
  const Reply opened = open();
  ASSERT_TRUE(opened.has_opened()) << opened.failure().message();
  EXPECT_EQ(opened.opened().chat_template(), other_template_);
  EXPECT_EQ(opened.opened().chat_template_problem(), "");
  EXPECT_TRUE(opened.opened().has_template_thinking());
  EXPECT_FALSE(opened.opened().has_template_tools());
  Call start = call();
  start.mutable_start();
  ASSERT_TRUE(only_reply_to(start).has_started());
  Call render = call();
  render.mutable_render()->set_conversation_json(R"({"messages":[{"role":"user","content":"hi"}]})");
  EXPECT_EQ(only_reply_to(render).tokens().text(), "[user: hi]");
  render.set_id(call().id());
  render.mutable_render()->mutable_think()->set_enabled(true);
  EXPECT_EQ(only_reply_to(render).tokens().text(), "[user: hi]<think>");
  render.set_id(call().id());
  render.mutable_render()->mutable_think()->set_enabled(false);
  EXPECT_EQ(only_reply_to(render).tokens().text(), "[user: hi]</think>");
  render.set_id(call().id());
  render.mutable_render()->clear_think();
  render.mutable_render()->set_template_source("<{{ .Prompt }}|{{ .Suffix }}>");
  render.mutable_render()->set_conversation_json(R"({"messages":[],"prompt":"a","suffix":"b"})");
  EXPECT_EQ(only_reply_to(render).tokens().text(), "<a|b>") << "the request's own";
}

// The weights know tools, the store's template does not: requests with tools are rendered by the one that
// does.
TEST_F(ServiceTest, OtherTemplateInGosLanguageWithoutTools_LeavesThemToTheModels) {
  make_llama(
      "{% if tools %}T<tool_call>{\"name\": </tool_call>{% endif %}{% for m in messages %}{{ m.content }}{% "
      "endfor %}");
  other_template_ = "{{ .Prompt }}!";
  const Reply opened = open();
  ASSERT_TRUE(opened.has_opened()) << opened.failure().message();
  EXPECT_TRUE(opened.opened().has_template_tools());
  EXPECT_EQ(opened.opened().chat_template(), other_template_);
  Call start = call();
  start.mutable_start();
  ASSERT_TRUE(only_reply_to(start).has_started());
  Call render = call();
  render.mutable_render()->set_conversation_json(R"({"messages":[{"role":"user","content":"hi"}]})");
  EXPECT_EQ(only_reply_to(render).tokens().text(), "hi!");
  render.set_id(call().id());
  render.mutable_render()->set_conversation_json(
      R"({"messages":[{"role":"user","content":"hi"}],"tools":[{"type":"function","function":{"name":"f"}}]})");
  EXPECT_EQ(only_reply_to(render).tokens().text(), "T<tool_call>{\"name\": </tool_call>hi");
}

TEST_F(ServiceTest, OtherTemplateInGosLanguageWithTools_RendersThemItself) {
  make_llama("{% if tools %}T<tool_call></tool_call>{% endif %}{{ messages[0].content }}");
  other_template_ =
      "{{ range .Tools }}<tool_call>{{ .Function.Name }}</tool_call>{{ end }}{{ range .Messages }}{{ "
      ".Content }}{{ end }}";
  const Reply opened = open();
  ASSERT_TRUE(opened.has_opened()) << opened.failure().message();
  EXPECT_TRUE(opened.opened().has_template_tools());
  Call start = call();
  start.mutable_start();
  ASSERT_TRUE(only_reply_to(start).has_started());
  Call render = call();
  render.mutable_render()->set_conversation_json(
      R"({"messages":[{"role":"user","content":"hi"}],"tools":[{"type":"function","function":{"name":"f"}}]})");
  EXPECT_EQ(only_reply_to(render).tokens().text(), "<tool_call>f</tool_call>hi");
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

TEST_F(ServiceTest, Quantize_WritesTheModelInAnotherType) {
  make_llama();
  ASSERT_TRUE(open().has_opened());
  const std::string path = folder_ / "q8.gguf";
  const auto quantize_to = [&](const char* scheme) {
    const UniqueDescriptor output(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    Call quantize = call();
    quantize.mutable_quantize()->set_scheme(scheme);
    quantize.mutable_quantize()->set_descriptor(::fcntl(output.get(), F_DUPFD_CLOEXEC, 10));
    return quantize;
  };
  const Call quantize = quantize_to("q8_0");
  const std::vector<Reply> replies = replies_to(quantize);
  ASSERT_GE(replies.size(), 2U);
  EXPECT_EQ(replies.front().progress().stage(), "quantizing");
  EXPECT_GT(replies.front().progress().total(), 0U);
  ASSERT_TRUE(replies.back().has_quantized()) << replies.back().failure().message();
  EXPECT_EQ(replies.back().quantized().scheme(), "Q8_0");
  EXPECT_EQ(::fcntl(quantize.quantize().descriptor(), F_GETFD), -1) << "it was taken over";
  const auto written = models::open_checkpoint(path);
  ASSERT_TRUE(written) << written.error().message();
  const auto has_q8 = [](const gguf::TensorInfo& tensor) { return tensor.dtype == tensor::DType::kQ8_0; };
  EXPECT_TRUE(std::ranges::any_of((*written)->tensors(), has_q8));

  EXPECT_EQ(only_reply_to(quantize_to("Q9_K")).failure().code(), protocol::Failure::INVALID_ARGUMENT);
  Call nowhere = call();
  nowhere.mutable_quantize()->set_descriptor(3);
  EXPECT_EQ(only_reply_to(nowhere).failure().code(), protocol::Failure::INVALID_ARGUMENT);
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

TEST_F(ServiceTest, DescriptorsOfTheProcessItself_AreNotTaken) {
  Call open = call();
  protocol::Open::File& file = *open.mutable_open()->add_files();
  file.set_path("x");
  file.set_descriptor(2);
  EXPECT_EQ(only_reply_to(open).failure().code(), protocol::Failure::INVALID_ARGUMENT);
}

}  // namespace
}  // namespace hearth::worker
