// Models as the Anthropic API lists them.
#pragma once

#include <span>

#include "server/http/request.h"
#include "server/models/model_service.h"
#include "server/wire/api_error.h"
#include "server/wire/json_text.h"

namespace hearth::server::anthropic {

// Whether a request to a path that is OpenAI's too speaks Anthropic's dialect: it bears `anthropic-version`.
bool is_anthropic(const http::Request& request);

// {type, id, display_name, created_at, ...}
wire::Json model_info(const CatalogEntry& entry);

// The page that the query asks for: `limit` (1 to 1000, 20 where it is absent), `after_id` or `before_id`.
wire::ApiResult<wire::Json> model_page(std::span<const CatalogEntry> entries, const http::Request& request);

}  // namespace hearth::server::anthropic
