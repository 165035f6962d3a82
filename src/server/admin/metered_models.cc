#include "server/admin/metered_models.h"

// co_await needs what awaitable.hpp declares only.
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <new>

namespace hearth::server::admin {
namespace {

using Clock = std::chrono::steady_clock;
using metrics::TokenKind;

// Where the counts go.
struct Meter {
  metrics::ServerMetrics& metrics;
  OnTokens on_tokens;
};

class MeteredCall final : public EngineCall {
 public:
  MeteredCall(std::unique_ptr<EngineCall> inner, Meter& meter, std::string model, std::string tenant)
      : inner_(std::move(inner)), meter_(meter), model_(std::move(model)), tenant_(std::move(tenant)) {}
  MeteredCall(const MeteredCall&) = delete;
  MeteredCall& operator=(const MeteredCall&) = delete;
  ~MeteredCall() override {
    try {
      tell();
    } catch (const std::bad_alloc&) {
      // The counts of this call are lost: it is not worth the process.
    }
  }

  Task<std::optional<protocol::Reply>> next() override {
    std::optional<protocol::Reply> reply = co_await inner_->next();
    if (reply) count(*reply);
    co_return reply;
  }
  void cancel() override { inner_->cancel(); }

 private:
  void tell() {
    const int64_t n_generated = n_generated_ + n_unfinished_;
    meter_.metrics.tokens(model_, TokenKind::kPrompt, n_prompt_ - n_cached_);
    meter_.metrics.tokens(model_, TokenKind::kCached, n_cached_);
    meter_.metrics.tokens(model_, TokenKind::kGenerated, n_generated);
    if (meter_.on_tokens && n_prompt_ + n_generated > 0) meter_.on_tokens(tenant_, n_prompt_, n_generated);
  }

  void count(const protocol::Reply& reply) {
    if (reply.has_accepted()) {
      n_prompt_ = reply.accepted().n_prompt_tokens();
      n_cached_ = reply.accepted().n_cached_tokens();
    } else if (reply.has_delta()) {
      if (!has_begun_) {
        meter_.metrics.first_token(model_, std::chrono::duration<double>(Clock::now() - start_).count());
      }
      has_begun_ = true;
      ++n_unfinished_;  // a delta is of one token or more
    } else if (reply.has_finished()) {
      // The answers to one prompt share it.
      n_prompt_ = std::max<int64_t>(n_prompt_, reply.finished().n_prompt_tokens());
      n_cached_ = std::max<int64_t>(n_cached_, reply.finished().n_cached_tokens());
      n_generated_ += reply.finished().n_generated_tokens();
      n_unfinished_ = std::max<int64_t>(0, n_unfinished_ - reply.finished().n_generated_tokens());
    } else if (reply.has_vectors()) {
      n_prompt_ = reply.vectors().n_prompt_tokens();
    }
  }

  const std::unique_ptr<EngineCall> inner_;
  Meter& meter_;
  const std::string model_;
  const std::string tenant_;
  const Clock::time_point start_ = Clock::now();
  bool has_begun_ = false;
  int64_t n_prompt_ = 0;
  int64_t n_cached_ = 0;      // of the prompt
  int64_t n_generated_ = 0;   // of the answers that have ended
  int64_t n_unfinished_ = 0;  // deltas of those that have not
};

class MeteredLease final : public EngineLease {
 public:
  MeteredLease(std::unique_ptr<EngineLease> inner, Meter& meter) : inner_(std::move(inner)), meter_(meter) {}

  const CatalogEntry& entry() const override { return inner_->entry(); }
  const protocol::Opened& description() const override { return inner_->description(); }
  Seconds load_duration() const override { return inner_->load_duration(); }
  std::unique_ptr<EngineCall> call(protocol::Call call) override {
    std::string tenant = call.has_embed() ? call.embed().tenant() : call.generate().tenant();
    return std::make_unique<MeteredCall>(inner_->call(std::move(call)), meter_, entry().name,
                                         std::move(tenant));
  }

 private:
  const std::unique_ptr<EngineLease> inner_;
  Meter& meter_;
};

class MeteredModels final : public ModelService {
 public:
  MeteredModels(ModelService& inner, Meter meter) : inner_(inner), meter_(std::move(meter)) {}

  std::vector<CatalogEntry> catalog() override { return inner_.catalog(); }
  Result<CatalogEntry> find(std::string_view name) override { return inner_.find(name); }
  std::vector<RunningModel> running() const override { return inner_.running(); }
  std::vector<LoadingModel> loading() const override { return inner_.loading(); }
  Task<Result<std::unique_ptr<EngineLease>>> acquire(std::string name, LoadWish wish) override {
    auto lease = co_await inner_.acquire(std::move(name), wish);
    if (!lease) co_return lease;
    const double load_s = (*lease)->load_duration().count();
    if (load_s > 0.0) meter_.metrics.model_loaded((*lease)->entry().name, load_s);
    co_return std::unique_ptr<EngineLease>(std::make_unique<MeteredLease>(std::move(*lease), meter_));
  }
  Task<Result<protocol::Opened>> describe(std::string name) override {
    return inner_.describe(std::move(name));
  }
  Task<Result<protocol::Inspection>> inspect(std::string name, bool verbose) override {
    return inner_.inspect(std::move(name), verbose);
  }
  Task<Result<protocol::Opened>> describe_entry(CatalogEntry entry) override {
    return inner_.describe_entry(std::move(entry));
  }
  Task<Result<std::string>> quantize(CatalogEntry entry, QuantizeWish wish) override {
    return inner_.quantize(std::move(entry), std::move(wish));
  }
  const protocol::Opened* known_description(const CatalogEntry& entry) const override {
    return inner_.known_description(entry);
  }
  Result<bool> unload(std::string_view name) override { return inner_.unload(name); }

 private:
  ModelService& inner_;
  Meter meter_;
};

}  // namespace

std::unique_ptr<ModelService> make_metered_models(ModelService& inner, metrics::ServerMetrics& metrics,
                                                  OnTokens on_tokens) {
  return std::make_unique<MeteredModels>(inner, Meter{metrics, std::move(on_tokens)});
}

}  // namespace hearth::server::admin
