// Which routes a server has and whom it asks for a key: what `hearth serve` and the matrix of its tests are
// made of.
#pragma once

#include "base/result.h"
#include "server/accounts/accounts.h"
#include "server/accounts/exposure.h"
#include "server/admin/routes.h"
#include "server/http/authenticator.h"
#include "server/http/router.h"
#include "server/models/model_store.h"
#include "server/transfers/transfers.h"

namespace hearth::server {

// What follows for requests from where a server may be reached.
struct Access {
  bool requires_key = false;        // also where no key was ever made
  bool metrics_are_public = false;  // GET /metrics
};

// `require_key`: as it was asked for. kUsage: the server would be reachable from elsewhere unprotected.
Result<Access> access_of(const accounts::Exposure& exposure, bool require_key);

// What changes which models there are; null: it cannot be done.
struct StoreServices {
  ModelStore* store = nullptr;
  TransferService* transfers = nullptr;
  bool shares_models = false;  // other machines may copy the store's blobs
};

// Every route of every API. What `admin` and `stores` point to must outlive the router.
http::Router make_router(admin::AdminDeps admin, const StoreServices& stores);

// Asks `accounts`, which must outlive it.
http::Authenticator make_authenticator(accounts::Accounts& accounts);

}  // namespace hearth::server
