#include "server/transfers/transfers.h"

#include "base/excerpt.h"
#include "protocol/status.h"
#include "server/models/model_store.h"
#include "server/transfers/fetcher_process.h"
#include "server/transfers/rate.h"
#include "store/signature.h"
#include "store/store.h"

namespace hearth::server {
namespace {

using protocol::FetchOrder;
using protocol::FetchReport;

constexpr std::string_view kVerifying = "verifying sha256 digest";

class FetcherTransfer final : public Transfer {
 public:
  FetcherTransfer(TransferWish wish, store::ModelName name, ModelStore& store,
                  std::unique_ptr<FetcherProcess> fetcher)
      : wish_(std::move(wish)), name_(std::move(name)), store_(store), fetcher_(std::move(fetcher)) {}

  void cancel() override { fetcher_->stop(); }

  Task<std::optional<Result<TransferStatus>>> next() override {
    if (is_over_) co_return Next();
    if (!std::exchange(has_begun_, true))
      co_return told(is_push() ? "retrieving manifest" : "pulling manifest");
    if (manifest_) {
      if (!std::exchange(said_writing_, true)) co_return told("writing manifest");
      Next last = co_await write_manifest();
      co_return last;
    }
    while (true) {
      const std::optional<FetchReport> report = co_await fetcher_->next();
      if (!report) co_return end(Error(ErrorCode::kUnavailable, "the fetcher process did not answer"));
      if (report->has_failure()) co_return end(protocol::error_of(report->failure()));
      if (report->has_fetched()) co_return conclude(report->fetched());
      if (report->has_note()) co_return told(report->note().text());
      if (report->has_progress()) {
        const auto status = status_of(report->progress());
        if (status) co_return Next(*status);
      }
    }
  }

 private:
  using Next = std::optional<Result<TransferStatus>>;

  static Next told(std::string text) { return Result<TransferStatus>(TransferStatus{std::move(text)}); }
  bool is_push() const { return wish_.kind == TransferWish::Kind::kPush; }

  // The fetcher has talked to strangers: what it says is checked like what they say.
  std::optional<TransferStatus> status_of(const protocol::LayerProgress& progress) {
    const auto digest = store::Digest::parse(progress.digest());
    if (!digest) return std::nullopt;
    if (progress.verifying()) {
      // Once: how far it is has no place in this API.
      if (said_verifying_ == digest->text()) return std::nullopt;
      said_verifying_ = digest->text();
      return TransferStatus{std::string(kVerifying)};
    }
    constexpr size_t kShown = 12;
    const uint64_t completed_bytes = std::min(progress.completed_bytes(), progress.total_bytes());
    if (std::exchange(on_its_way_, digest->text()) != digest->text()) rate_ = {};
    rate_.add(std::chrono::steady_clock::now(), completed_bytes);
    return TransferStatus{
        fmt::format("{} {}", is_push() ? "pushing" : "pulling", digest->hex().substr(0, kShown)),
        digest->text(), progress.total_bytes(), completed_bytes, rate_.bytes_per_s()};
  }

  std::optional<Result<TransferStatus>> conclude(const protocol::Fetched& fetched) {
    if (is_push()) return end(TransferStatus{"success"});
    manifest_ = fetched.manifest();
    take_signatures(fetched);
    if (!signatures_.empty()) return told(signed_by());
    said_writing_ = true;
    return told("writing manifest");
  }

  void take_signatures(const protocol::Fetched& fetched) {
    const store::Digest digest = store::Digest::of(*manifest_);
    for (const std::string& text : fetched.signatures()) {
      auto signature = store::ManifestSignature::parse(text);
      if (signature && signature->is_for(name_, digest)) signatures_.push_back(*std::move(signature));
    }
  }

  // Whether these keys are to be trusted is for --verify-key to say, where the model is used.
  std::string signed_by() const {
    std::string keys;
    for (const store::ManifestSignature& signature : signatures_)
      keys += (keys.empty() ? "" : ", ") + signature.key.short_id();
    return fmt::format("signed by {}", keys);
  }

  // The signatures first: where they are asked for, the model can be used as soon as it is there.
  Task<std::optional<Result<TransferStatus>>> write_manifest() {
    std::function<Result<void>(const store::Store&)> write =
        [name = name_, manifest = *manifest_,
         signatures = signatures_](const store::Store& store) -> Result<void> {
      for (const store::ManifestSignature& signature : signatures)
        HEARTH_TRY(write_signature(store, name, signature));
      const auto digest = store.write_manifest(name, manifest);
      if (!digest) return digest.error();
      return {};
    };
    const Result<void> written = co_await store_.run<Result<void>>(std::move(write));
    if (!written) co_return end(written.error());
    co_return end(TransferStatus{"success"});
  }

  std::optional<Result<TransferStatus>> end(Result<TransferStatus> last) {
    is_over_ = true;
    fetcher_->stop();
    return last;
  }

  const TransferWish wish_;
  const store::ModelName name_;
  ModelStore& store_;
  const std::unique_ptr<FetcherProcess> fetcher_;
  std::optional<std::string> manifest_;
  std::vector<store::ManifestSignature> signatures_;
  std::string said_verifying_;
  std::string on_its_way_;  // the digest of the blob whose rate is
  TransferRate rate_;
  bool has_begun_ = false;
  bool said_writing_ = false;
  bool is_over_ = false;
};

class FetcherService final : public TransferService {
 public:
  FetcherService(const Executor& executor, ModelStore* store, TransferOptions options)
      : executor_(executor), store_(store), options_(std::move(options)) {}

  Result<std::unique_ptr<Transfer>> begin(const TransferWish& wish) override {
    const char* what = wish.kind == TransferWish::Kind::kPull ? "pull" : "push";
    HEARTH_ASSIGN(store::ModelName name, store::ModelName::parse(wish.name));
    if (options_.offline) {
      return make_error(ErrorCode::kUnsupported,
                        "cannot {} {}: the server is offline (hearth serve --offline, HEARTH_OFFLINE)", what,
                        name.text());
    }
    if (store_ == nullptr) {
      return make_error(
          ErrorCode::kUnsupported,
          "cannot {} {}: the server has one model, and no folder for a store (hearth serve --models)", what,
          name.text());
    }
    if (wish.kind == TransferWish::Kind::kPush) {
      HEARTH_TRY(store_->store().find(name));
    }
    HEARTH_ASSIGN(auto fetcher, FetcherProcess::start(executor_, options_.executable, order_for(wish, name)));
    return std::unique_ptr<Transfer>(
        std::make_unique<FetcherTransfer>(wish, std::move(name), *store_, std::move(fetcher)));
  }

 private:
  FetchOrder order_for(const TransferWish& wish, const store::ModelName& name) const {
    FetchOrder order;
    order.set_kind(wish.kind == TransferWish::Kind::kPull ? FetchOrder::PULL : FetchOrder::PUSH);
    order.set_name(name.full_text());
    order.set_store_root(store_->store().root().string());
    order.set_insecure(wish.insecure);
    order.set_from(wish.from);
    order.set_from_key(wish.from_key);
    order.set_plain_http(wish.name.starts_with("http://"));
    order.set_ca_file(options_.ca_file);
    order.set_docker_config(options_.docker_config);
    for (const std::string& host : options_.token_hosts) order.add_token_hosts(host);
    order.set_max_bytes_per_s(options_.max_bytes_per_s);
    order.set_part_bytes(options_.part_bytes);
    order.set_stall_timeout_s(options_.stall_timeout_s);
    order.set_first_pause_ms(options_.first_pause_ms);
    order.set_max_tries(options_.max_tries);
    return order;
  }

  const Executor executor_;
  ModelStore* const store_;
  const TransferOptions options_;
};

}  // namespace

std::unique_ptr<TransferService> make_transfer_service(const Executor& executor, ModelStore* store,
                                                       TransferOptions options) {
  return std::make_unique<FetcherService>(executor, store, std::move(options));
}

}  // namespace hearth::server
