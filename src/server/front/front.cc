#include "server/front/front.h"

#include <sys/resource.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <exception>

#include "server/admin/metered_models.h"
#include "server/front/wiring.h"

namespace hearth::server {
namespace {

namespace asio = boost::asio;

// Everything that serves, in the order in which it depends on each other. For one thread.
class Front {
 public:
  static Result<std::unique_ptr<Front>> create(FrontOptions options, const FrontEvents& events);

  Result<void> run();

 private:
  Front(FrontOptions options, const FrontEvents& events)
      : options_(std::move(options)),
        events_(events),
        metrics_(options_.version),
        models_(context_.get_executor(), options_.models),
        transfers_(make_transfer_service(context_.get_executor(), models_.store(), options_.transfers)) {}

  Result<void> open_accounts();
  Result<void> listen();
  admin::AdminDeps admin_deps();
  void note_answer(const http::Answered& answered);
  void wait_for_signal();
  Task<void> end();

  FrontOptions options_;
  const FrontEvents& events_;
  asio::io_context context_{1};
  asio::signal_set signals_{context_, SIGINT, SIGTERM};
  metrics::ServerMetrics metrics_;
  ModelManager models_;
  std::unique_ptr<TransferService> transfers_;
  Access access_;
  std::unique_ptr<accounts::Accounts> accounts_;
  std::unique_ptr<ModelService> metered_models_;
  std::unique_ptr<http::Server> http_;
  bool ending_ = false;
};

Result<std::unique_ptr<Front>> Front::create(FrontOptions options, const FrontEvents& events) {
  std::unique_ptr<Front> front(new Front(std::move(options), events));
  HEARTH_TRY(front->open_accounts());
  HEARTH_TRY(front->listen());
  return front;
}

Result<void> Front::open_accounts() {
  HEARTH_ASSIGN(bool has_usable_key, accounts::has_usable_key(options_.accounts_folder));
  const accounts::Exposure exposure{.host = options_.http.host,
                                    .has_tls = !options_.http.certificate_path.empty(),
                                    .has_usable_key = has_usable_key,
                                    .insecure = options_.insecure};
  HEARTH_ASSIGN(access_, access_of(exposure, options_.require_key));
  accounts::Accounts::Options wanted;
  wanted.require_key = access_.requires_key;
  wanted.audit = options_.audit;
  HEARTH_ASSIGN(accounts_, accounts::Accounts::open(options_.accounts_folder, wanted));
  metered_models_ = admin::make_metered_models(
      models_, metrics_, [this](const std::string& key_id, int64_t n_prompt, int64_t n_generated) {
        accounts_->add_tokens(key_id, n_prompt, n_generated);
      });
  return {};
}

admin::AdminDeps Front::admin_deps() {
  admin::AdminDeps admin;
  admin.models = metered_models_.get();
  admin.metrics = &metrics_;
  admin.version = options_.version;
  admin.metrics_are_public = access_.metrics_are_public;
  admin.n_connections = [this] { return http_ == nullptr ? 0 : http_->stats().n_connections; };
  admin.not_ready = [this]() -> std::optional<std::string> {
    return ending_ ? std::optional<std::string>("the server is shutting down") : std::nullopt;
  };
  admin.problem = [this] { return accounts_->problem(); };
  return admin;
}

void Front::note_answer(const http::Answered& answered) {
  const http::Request& request = answered.request;
  metrics_.request_answered(answered.route_pattern, answered.status,
                            std::chrono::duration<double>(answered.duration).count());
  accounts_->end(request.identity);
  accounts_->record({.identity = request.identity,
                     .peer = request.peer,
                     .method = request.method,
                     .route = std::string(answered.route_pattern),
                     .model = std::string(answered.model),
                     .status = answered.status,
                     .request_id = request.id});
}

Result<void> Front::listen() {
  http::ServerOptions http = options_.http;
  http.on_answered = [this](const http::Answered& answered) { note_answer(answered); };
  http.report = events_.on_warning;
  if (options_.require_key) http.socket_folder.clear();
  HEARTH_ASSIGN(http_,
                http::Server::create(context_.get_executor(),
                                     make_router(admin_deps(), {.store = models_.store(),
                                                                .transfers = transfers_.get(),
                                                                .shares_models = options_.shares_models}),
                                     std::move(http), make_authenticator(*accounts_)));
  return {};
}

// The first signal lets the answers end, the second one cuts them off.
void Front::wait_for_signal() {
  signals_.async_wait([this](boost::system::error_code error, int) {
    if (error) return;
    if (ending_) {
      http_.reset();
    } else {
      ending_ = true;
      if (events_.on_draining) events_.on_draining(http_->stats().n_requests_in_flight);
      asio::co_spawn(context_, end(), asio::detached);
    }
    wait_for_signal();
  });
}

Task<void> Front::end() {
  co_await http_->drain(options_.grace);
  co_await models_.shut_down();
  signals_.cancel();
  context_.stop();
}

Result<void> Front::run() {
  wait_for_signal();
  http_->start();
  if (events_.on_listening) events_.on_listening(http_->address());
  // Manifests are read once: now, and not while the first client waits for its list.
  asio::post(context_, [this] { (void)models_.catalog(); });
  try {
    context_.run();
  } catch (const std::exception& error) {
    // A handler's exception ends its request (http::Server); what comes here is a defect of ours.
    return make_error(ErrorCode::kIo, "the server ended: {}", error.what());
  }
  // Handlers that have been cut off, or whose engine has ended, come to their ends while all that they use is
  // still there.
  http_.reset();
  context_.restart();
  context_.poll();
  accounts_->flush();
  return {};
}

}  // namespace

Result<void> serve(FrontOptions options, const FrontEvents& events) {
  HEARTH_TRY(http::raise_open_files_limit());
  HEARTH_ASSIGN(const std::unique_ptr<Front> front, Front::create(std::move(options), events));
  return front->run();
}

}  // namespace hearth::server
