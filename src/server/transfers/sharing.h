// The store's blobs for other Hearth machines, where the person has said so (hearth serve --share-models).
#pragma once

#include "server/http/router.h"
#include "server/models/model_store.h"

namespace hearth::server {

// GET /api/shared/blobs/{digest}, whole or one range of bytes; only by digest, so that who asks knows what it
// is. Whoever may use the models may copy them; from another machine only with a key, also where the server
// asks for none otherwise. Nothing is verified here: who gets a blob compares it with its digest. The store
// outlives the router.
void add_sharing_routes(http::Router& router, ModelStore& store);

}  // namespace hearth::server
