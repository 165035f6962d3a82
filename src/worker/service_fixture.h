// An engine process's service in this process, with a tiny model in a folder.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "backends/cpu/cpu_backend.h"
#include "models/adapter/lora_gguf.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tiny_bert.h"
#include "tests/support/tiny_llama.h"
#include "worker/service.h"

namespace hearth::worker {

using protocol::Call;
using protocol::Reply;

class ServiceTest : public ::testing::Test {
 protected:
  void make_llama(const std::string& chat_template = "", int64_t context_tokens = 512) {
    hearth::testing::TinyLlamaShape shape;
    shape.context_tokens = context_tokens;
    auto writer = hearth::testing::TinyLlama(shape, 1).gguf();
    if (!chat_template.empty()) writer.add_string("tokenizer.chat_template", chat_template);
    writer.write(folder_ / "tiny.gguf");
  }
  void make_bert() { hearth::testing::TinyBert({}, 1).gguf().write(folder_ / "tiny.gguf"); }

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

  // What load_adapter() gives to the service.
  void write_adapter(const models::LoraAdapter& adapter) {
    ASSERT_TRUE(models::write_gguf_adapter(folder_ / "adapter.gguf", adapter, "llama"));
  }
  Reply load_adapter(const std::string& id) {
    Call load = call();
    const UniqueDescriptor opened(::open((folder_ / "adapter.gguf").c_str(), O_RDONLY | O_CLOEXEC));
    load.mutable_load_adapter()->set_id(id);
    load.mutable_load_adapter()->set_path("adapter.gguf");
    load.mutable_load_adapter()->set_descriptor(::fcntl(opened.get(), F_DUPFD_CLOEXEC, 10));
    return only_reply_to(load);
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

  hearth::testing::TemporaryFolder folder_;
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

}  // namespace hearth::worker
