#include "server/inference/model_choice.h"

#include <algorithm>

#include "server/inference/private_path.h"
#include "server/wire/duration.h"

namespace hearth::server::inference {
namespace {

wire::ApiResult<void> check_ability(const std::string& name, const protocol::Opened& description,
                                    Ability ability) {
  const std::string model = wire::describe(wire::Json(name));
  switch (ability) {
    case Ability::kChat:
      if (description.is_encoder()) return wire::ApiError(400, model + " does not support chat", "model");
      if (description.chat_format().empty()) {
        return wire::ApiError(400, model + " does not support chat: it has no chat template", "model");
      }
      return {};
    case Ability::kComplete:
      if (description.is_encoder()) return wire::ApiError(400, model + " does not support generate", "model");
      return {};
    case Ability::kAny:
      return {};
  }
  return {};
}

}  // namespace

ModelChoice read_model_choice(const wire::Field& root) {
  ModelChoice choice;
  const wire::Field model = root["model"].required();
  if (auto name = model.string()) {
    if (name->empty()) model.reject("is required");
    choice.name = *std::move(name);
  }
  choice.wish.context_tokens = root["num_ctx"].integer(1);
  choice.wish.keep_alive = wire::read_keep_alive(root["keep_alive"]);
  return choice;
}

Task<wire::ApiResult<std::unique_ptr<EngineLease>>> acquire_model(ModelService& models, ModelChoice choice,
                                                                  Ability ability,
                                                                  http::Responder& responder) {
  const auto entry = models.find(choice.name);
  if (!entry) co_return wire::ApiError(entry.error());
  responder.note_model(entry->name);
  // Told before minutes are spent on loading it.
  const auto described = co_await models.describe(choice.name);
  if (!described) co_return without_path(described.error(), *entry);
  const auto able = check_ability(choice.name, *described, ability);
  if (!able) co_return able.error();
  // More than the model was trained for is not to be had.
  const int64_t most = described->trained_context_tokens();
  auto& wished = choice.wish.context_tokens;
  if (wished && most > 0) wished = std::min(*wished, most);
  auto lease = co_await models.acquire(std::move(choice.name), choice.wish);
  if (!lease) co_return without_path(lease.error(), *entry);
  co_return std::move(lease).value();
}

}  // namespace hearth::server::inference
