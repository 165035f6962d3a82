#include "worker/service.h"

#include <chrono>

#include "worker/description.h"
#include "worker/load_report.h"
#include "worker/prompt.h"
#include "worker/quantization.h"

namespace hearth::worker {
namespace {

constexpr int kMaxFiles = 4096;
constexpr int kFirstFileDescriptor = 4;  // below: stdin, stdout, stderr and the socket

Result<UniqueDescriptor> taken_over(const std::string& file, int descriptor) {
  if (descriptor >= kFirstFileDescriptor) return UniqueDescriptor(descriptor);
  return make_error(ErrorCode::kInvalidArgument, "{}: expected a descriptor of at least {}, found {}", file,
                    kFirstFileDescriptor, descriptor);
}

}  // namespace

void Service::handle(const protocol::Call& call) {
  if (const auto answered = answer(call); !answered) send_failure(send_, call.id(), answered.error());
}

Result<void> Service::answer(const protocol::Call& call) {
  protocol::Reply reply;
  reply.set_id(call.id());
  switch (call.what_case()) {
    case protocol::Call::kOpen:
      return open(call.id(), call.open());
    case protocol::Call::kStart:
      return start(call.id(), call.start());
    case protocol::Call::kGenerate:
      return generate(call.id(), call.generate());
    case protocol::Call::kEmbed:
      return embed(call.id(), call.embed());
    case protocol::Call::kDetokenize:
      return detokenize(call.id(), call.detokenize());
    case protocol::Call::kQuantize:
      return quantize(call.id(), call.quantize());
    case protocol::Call::kLoadAdapter:
      return load_adapter(call.id(), call.load_adapter());
    case protocol::Call::kUnloadAdapter:
      adapters_.unload(call.unload_adapter().id());
      return {};
    case protocol::Call::kCancel:
      cancel(call.cancel());
      return {};
    case protocol::Call::kTokenize: {
      HEARTH_ASSIGN(const OpenedModel* model, this->model());
      const text::Tokenizer& tokenizer = model->tokenizer();
      *reply.mutable_tokens() = described_tokens(tokenizer, text_tokens(tokenizer, call.tokenize().text()));
      break;
    }
    case protocol::Call::kRender: {
      HEARTH_ASSIGN(const OpenedModel* model, this->model());
      HEARTH_ASSIGN(*reply.mutable_tokens(), rendering(*model, call.render()));
      break;
    }
    case protocol::Call::kInspect: {
      HEARTH_ASSIGN(const OpenedModel* model, this->model());
      *reply.mutable_inspection() = inspect(model->checkpoint(), call.inspect().verbose());
      break;
    }
    case protocol::Call::WHAT_NOT_SET:
      return Error(ErrorCode::kUnsupported, "a call that this engine does not know");
  }
  send_(reply);
  return {};
}

Result<void> Service::open(uint64_t id, const protocol::Open& open) {
  if (!path_.empty()) return Error(ErrorCode::kUsage, "a model is open already");
  if (open.files_size() > kMaxFiles) {
    return make_error(ErrorCode::kResourceExhausted, "expected a model of at most {} files, found {}",
                      kMaxFiles, open.files_size());
  }
  for (const protocol::Open::File& file : open.files()) {
    HEARTH_ASSIGN(UniqueDescriptor descriptor, taken_over(file.path(), file.descriptor()));
    HEARTH_TRY(files_.add(file.path(), std::move(descriptor)));
  }
  path_ = open.path();
  chat_template_ = open.chat_template();
  HEARTH_TRY(reopen(id, open.options()));
  protocol::Reply reply;
  reply.set_id(id);
  *reply.mutable_opened() = describe(*model_);
  reply.mutable_opened()->set_sandbox(options_.sandbox);
  send_(reply);
  return {};
}

Result<void> Service::reopen(uint64_t id, const protocol::StartOptions& options) {
  adapters_.clear();
  model_.reset();
  LoadReport report(id, send_);
  const OpenExtras extras{.chat_template = chat_template_,
                          .on_step = [&report](const models::LoadStep& step) { report.tell(step); }};
  HEARTH_ASSIGN(model_, OpenedModel::open(files_, path_, options, options_.make_backend,
                                          options_.n_default_threads, extras));
  opened_with_ = options.SerializeAsString();
  return {};
}

Result<void> Service::start(uint64_t id, const protocol::Start& start) {
  HEARTH_ASSIGN(const OpenedModel* open, this->model());
  if (open->is_started()) return Error(ErrorCode::kUsage, "the model is started already");
  const auto began = std::chrono::steady_clock::now();
  if (start.options().SerializeAsString() != opened_with_) HEARTH_TRY(reopen(id, start.options()));
  LoadReport(id, send_).tell({.stage = "allocating memory"});
  HEARTH_TRY(model_->start());
  if (model_->encoder() != nullptr) {
    embeddings_.emplace(*model_->encoder(), send_);
  } else {
    GenerationLimits limits;
    limits.max_sequences = std::max<int64_t>(start.options().max_sequences(), 1);
    limits.max_waiting = start.options().max_waiting();
    engine::LoadedModel& generator = *model_->generator();
    generations_.emplace(generator.engine(), limits, send_);
    constraints_.emplace(model_->tokenizer(), generator.info().vocabulary_size);
    if (const auto pooling = generator.pooling()) {
      decoder_embeddings_.emplace(generator.engine(), model_->tokenizer(), *pooling, generator.info().width,
                                  limits, send_);
    }
  }
  protocol::Reply reply;
  reply.set_id(id);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  reply.mutable_started()->set_load_s(took.count());
  send_(reply);
  return {};
}

Result<OpenedModel*> Service::model() const {
  if (model_ == nullptr) return Error(ErrorCode::kUsage, "no model is open");
  return model_.get();
}

Result<OpenedModel*> Service::started_model() const {
  HEARTH_ASSIGN(OpenedModel * model, this->model());
  if (!model->is_started()) return Error(ErrorCode::kUsage, "the model is not started");
  return model;
}

Result<void> Service::generate(uint64_t id, const protocol::Generate& call) {
  HEARTH_ASSIGN(const OpenedModel* model, started_model());
  if (!generations_) {
    return make_error(ErrorCode::kUnsupported, "{}: an encoder: it makes vectors of texts, and writes none",
                      model->checkpoint().name());
  }
  HEARTH_ASSIGN(Prompt prompt, prompt_of(*model, call));
  HEARTH_ASSIGN(prompt.adapter, adapters_.find(call.adapter()));
  if (!is_constrained(call)) return generations_->begin(id, call, std::move(prompt));
  if (auto grammar = constraints_->find(call, prompt))
    return generations_->begin(id, call, std::move(prompt), std::move(grammar));
  HEARTH_TRY(generations_->check_room(call, constraints_->n_waiting()));
  constraints_->compile({id, call, std::move(prompt)});
  return {};
}

void Service::begin_prepared() {
  // As long as a call may come unnoticed, where nothing else is to be done.
  constexpr std::chrono::milliseconds kPatience{2};
  for (Constraints::Compiled& compiled :
       constraints_->take(computes() ? std::chrono::milliseconds(0) : kPatience)) {
    auto& [waiting, grammar] = compiled;
    const Result<void> begun =
        grammar ? generations_->begin(waiting.call_id, waiting.call, std::move(waiting.prompt), *grammar)
                : Result<void>(grammar.error());
    if (!begun) send_failure(send_, waiting.call_id, begun.error());
  }
}

Result<void> Service::embed(uint64_t id, const protocol::Embed& call) {
  HEARTH_ASSIGN(const OpenedModel* model, started_model());
  if (embeddings_) return embeddings_->begin(id, call);
  HEARTH_ASSIGN(auto adapter, adapters_.find(call.adapter()));
  if (decoder_embeddings_) return decoder_embeddings_->begin(id, call, std::move(adapter));
  return model->generator()->pooling().error();
}

Result<void> Service::load_adapter(uint64_t id, const protocol::LoadAdapter& call) {
  HEARTH_ASSIGN(UniqueDescriptor file, taken_over(call.path(), call.descriptor()));
  HEARTH_ASSIGN(const OpenedModel* model, this->model());
  InheritedFiles source;
  HEARTH_TRY(source.add(call.path(), std::move(file)));
  HEARTH_ASSIGN(const uint64_t size_bytes, adapters_.load(*model, call.id(), source, call.path()));
  protocol::Reply reply;
  reply.set_id(id);
  reply.mutable_adapter_loaded()->set_size_bytes(static_cast<int64_t>(size_bytes));
  send_(reply);
  return {};
}

Result<void> Service::quantize(uint64_t id, const protocol::Quantize& call) {
  HEARTH_ASSIGN(const UniqueDescriptor output, taken_over("the quantised model", call.descriptor()));
  HEARTH_ASSIGN(const OpenedModel* model, this->model());
  LoadReport report(id, send_);
  protocol::Reply reply;
  reply.set_id(id);
  HEARTH_ASSIGN(*reply.mutable_quantized(), worker::quantize(model->checkpoint(), call.scheme(), output.get(),
                                                             options_.n_default_threads, report));
  send_(reply);
  return {};
}

Result<void> Service::detokenize(uint64_t id, const protocol::Detokenize& call) {
  HEARTH_ASSIGN(const OpenedModel* model, this->model());
  protocol::Reply reply;
  reply.set_id(id);
  const auto& ids = call.tokens().ids();
  reply.mutable_text()->set_text(model->tokenizer().decode({ids.data(), static_cast<size_t>(ids.size())}));
  send_(reply);
  return {};
}

// A call that has ended meanwhile is nobody's mistake.
void Service::cancel(const protocol::Cancel& cancel) {
  if (constraints_) {
    if (const auto waiting = constraints_->withdraw(cancel.call()))
      return generations_->cancel_prepared(cancel.call(), waiting->call);
  }
  if (generations_) generations_->cancel(cancel.call());
  if (decoder_embeddings_) decoder_embeddings_->cancel(cancel.call());
  if (embeddings_) embeddings_->cancel(cancel.call());
}

bool Service::computes() const noexcept {
  return (generations_ && model_->generator()->engine().has_work()) ||
         (embeddings_ && embeddings_->has_work());
}

bool Service::has_work() const noexcept {
  return computes() || (constraints_ && constraints_->n_waiting() > 0);
}

void Service::step() {
  if (constraints_) begin_prepared();
  if (generations_ && model_->generator()->engine().has_work()) step_engine();
  if (embeddings_ && embeddings_->has_work()) embeddings_->step();
}

void Service::step_engine() {
  const auto began = Generations::Clock::now();
  const auto report = model_->generator()->engine().step();
  if (!report) {
    generations_->fail_all(report.error());
    if (decoder_embeddings_) decoder_embeddings_->fail_all(report.error());
    return;
  }
  generations_->take(*report, began);
  if (decoder_embeddings_) decoder_embeddings_->take(*report);
}

}  // namespace hearth::worker
