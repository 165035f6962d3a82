// What an engine process makes of the bytes that the front sends it: frames, messages, calls. One service has
// no model yet, the other answers with a small one; both live on from input to input, as they do from call to
// call. A call that is taken has an end, and no call harms the next one.
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "backends/cpu/cpu_backend.h"
#include "base/check.h"
#include "base/unique_descriptor.h"
#include "models/adapter/lora_gguf.h"
#include "protocol/framing.h"
#include "tests/support/random_adapter.h"
#include "tests/support/tiny_llama.h"
#include "worker/service.h"

namespace {

using namespace hearth;
using protocol::Call;
using protocol::Reply;

constexpr int64_t kContextTokens = 64;
constexpr int kMaxCalls = 16;
constexpr int kFirstDescriptor = 4;  // that the service takes
constexpr const char* kTemplate =
    "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}";

class Engine {
 public:
  explicit Engine(bool with_model) : has_model_(with_model) {
    if (!with_model) return;
    testing::TinyLlamaShape shape;
    shape.context_tokens = kContextTokens;
    auto writer = testing::TinyLlama(shape, 1).gguf();
    writer.add_string("tokenizer.chat_template", kTemplate);
    char path[] = "/tmp/hearth-fuzz-XXXXXX";
    const UniqueDescriptor file(::mkstemp(path));
    writer.write(path);
    Call open;
    open.set_id(next_id_++);
    open.mutable_open()->add_files()->set_path("tiny.gguf");
    open.mutable_open()->mutable_files(0)->set_descriptor(
        ::fcntl(file.get(), F_DUPFD_CLOEXEC, kFirstDescriptor));
    open.mutable_open()->set_path("tiny.gguf");
    HEARTH_CHECK(answer(open).has_opened());
    ::unlink(path);
    Call start;
    start.set_id(next_id_++);
    start.mutable_start()->mutable_options()->set_max_waiting(4);
    HEARTH_CHECK(answer(start).has_started());
  }

  void take(Call call) {
    call.set_id(next_id_++);  // of which the front sends each once
    if (call.has_open() && !prepare(*call.mutable_open())) return;
    if (!has_model_ && call.has_start()) return;
    if (call.has_quantize()) call.mutable_quantize()->set_descriptor(nowhere());
    if (call.has_load_adapter()) {
      call.mutable_load_adapter()->set_descriptor(adapter());
      adapters_.insert(call.load_adapter().id());
    }
    const bool has_no_reply = call.has_cancel() || call.has_unload_adapter();
    const uint64_t id = call.id();
    service_.handle(call);
    open_calls_[id] = has_no_reply ? 0 : 1;
  }

  // Everything ends: an answer's length is bounded by the context.
  void finish() {
    for (int n = 0; service_.has_work(); ++n) {
      HEARTH_CHECK(n < 1'000'000);
      service_.step();
    }
    for (const auto& [id, is_answered] : open_calls_) HEARTH_CHECK(is_answered == 0 || n_replies_[id] > 0);
    open_calls_.clear();
    n_replies_.clear();
    for (const std::string& id : std::exchange(adapters_, {})) {
      Call unload;
      unload.set_id(next_id_++);
      unload.mutable_unload_adapter()->set_id(id);
      service_.handle(unload);
    }
    if (!has_model_) return;
    Call good;
    good.set_id(next_id_++);
    good.mutable_tokenize()->mutable_text()->set_text("a tale");
    HEARTH_CHECK(answer(good).tokens().ids_size() > 0);
    n_replies_.clear();
  }

 private:
  // Descriptors are the front's to give: an input must not close those of the fuzzer, nor leave any open.
  // False: not to be sent.
  bool prepare(protocol::Open& open) {
    if (has_model_) return true;  // refused before it looks at them
    if (was_opened_) return false;
    was_opened_ = true;
    if (open.files_size() > 1) open.mutable_files()->DeleteSubrange(1, open.files_size() - 1);
    if (open.files_size() == 0 || open.files(0).descriptor() < kFirstDescriptor) return true;
    open.mutable_files(0)->set_descriptor(nowhere());
    return true;
  }
  // A descriptor that the service is given to close.
  static int nowhere() {
    const UniqueDescriptor nothing(::open("/dev/null", O_RDWR | O_CLOEXEC));
    return ::fcntl(nothing.get(), F_DUPFD_CLOEXEC, kFirstDescriptor);
  }
  // One of an adapter for the model.
  static int adapter() {
    static const int kFile = [] {
      char path[] = "/tmp/hearth-fuzz-XXXXXX";
      const UniqueDescriptor made(::mkstemp(path));
      testing::TinyLlamaShape shape;
      shape.context_tokens = kContextTokens;
      testing::TinyLlama(shape, 1).gguf().write(path);
      const auto base = models::open_checkpoint(path);
      HEARTH_CHECK(base.has_value());
      const auto random = testing::random_adapter(**base, testing::kLlamaTargets, 2, 1);
      HEARTH_CHECK(models::write_gguf_adapter(path, random, "llama").has_value());
      const int file = ::open(path, O_RDONLY | O_CLOEXEC);  // writing replaces it
      ::unlink(path);
      return file;
    }();
    return ::fcntl(kFile, F_DUPFD_CLOEXEC, kFirstDescriptor);
  }

  Reply answer(const Call& call) {
    service_.handle(call);
    while (service_.has_work()) service_.step();
    HEARTH_CHECK(last_.id() == call.id());
    return last_;
  }

  const bool has_model_;
  bool was_opened_ = false;
  uint64_t next_id_ = 1;
  Reply last_;
  std::set<std::string> adapters_;      // that were sent
  std::map<uint64_t, int> open_calls_;  // and whether a reply is due
  std::map<uint64_t, int> n_replies_;
  worker::Service service_{{"nothing",
                            [](int n) {
                              return cpu::make_cpu_backend({*choose_isa(), n});
                            },
                            1},
                           [this](const Reply& reply) {
                             last_ = reply;
                             ++n_replies_[reply.id()];
                             std::string frame;  // as it goes back
                             HEARTH_CHECK(protocol::append_frame(frame, reply));
                           }};
};

// The calls in `input`, whose frames arrive in pieces of `piece_bytes`; false at the end where the stream is
// broken.
bool read_calls(std::string_view input, size_t piece_bytes, std::vector<std::string>& calls) {
  protocol::FrameReader reader;
  while (!input.empty()) {
    reader.append(input.substr(0, piece_bytes));
    input.remove_prefix(std::min(piece_bytes, input.size()));
    while (true) {
      Call call;
      const Result<bool> next = reader.next(call);
      if (!next) return false;
      if (!*next) break;
      calls.push_back(call.SerializeAsString());
    }
  }
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  std::vector<std::string> calls;
  std::vector<std::string> calls_by_bytes;
  const bool whole = read_calls(input, SIZE_MAX, calls);
  HEARTH_CHECK(read_calls(input, 1, calls_by_bytes) == whole);
  HEARTH_CHECK(calls == calls_by_bytes);
  static Engine* const answering = new Engine(true);
  Engine empty(false);
  for (size_t i = 0; i < calls.size() && i < kMaxCalls; ++i) {
    Call call;
    HEARTH_CHECK(call.ParseFromString(calls[i]));
    answering->take(call);
    empty.take(std::move(call));
  }
  answering->finish();
  empty.finish();
  return 0;
}
