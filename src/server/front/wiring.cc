#include "server/front/wiring.h"

#include <utility>

#include "server/anthropic/routes.h"
#include "server/extras/routes.h"
#include "server/inference/dependencies.h"
#include "server/ollama/routes.h"
#include "server/openai/routes.h"
#include "server/transfers/sharing.h"

namespace hearth::server {

Result<Access> access_of(const accounts::Exposure& exposure, bool require_key) {
  HEARTH_TRY(accounts::check_exposure(exposure));
  return Access{.requires_key = accounts::requires_key(exposure, require_key),
                .metrics_are_public = accounts::is_loopback(exposure.host)};
}

http::Router make_router(admin::AdminDeps admin, const StoreServices& stores) {
  http::Router router;
  const inference::Dependencies inference{.models = admin.models};
  ollama::add_ollama_routes(router, {.models = *admin.models,
                                     .version = admin.version,
                                     .store = stores.store,
                                     .transfers = stores.transfers});
  if (stores.shares_models && stores.store != nullptr) add_sharing_routes(router, *stores.store);
  openai::add_openai_routes(router, inference);
  anthropic::add_anthropic_routes(router, inference);
  extras::add_extra_routes(router, inference);
  admin::add_admin_routes(router, std::move(admin));
  return router;
}

http::Authenticator make_authenticator(accounts::Accounts& accounts) {
  return [&accounts](const http::Credentials& credentials) -> http::Authentication {
    auto decision = accounts.authenticate(credentials.key, credentials.scope, accounts::Moment::now(),
                                          credentials.user.has_value());
    if (auto* identity = std::get_if<http::Identity>(&decision)) return std::move(*identity);
    const auto& refusal = std::get<accounts::Refusal>(decision);
    std::optional<std::chrono::seconds> retry_after;
    if (refusal.retry_after_s) retry_after = std::chrono::seconds(*refusal.retry_after_s);
    return http::Refusal{refusal.status, refusal.message, retry_after};
  };
}

}  // namespace hearth::server
