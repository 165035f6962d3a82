#include "server/inference/generation.h"

#include <algorithm>

#include "server/inference/private_path.h"
#include "server/wire/stream_text.h"

namespace hearth::server::inference {

Task<wire::GenerationEnd> run_generation(EngineLease& lease, protocol::Generate generate,
                                         http::Responder& responder, wire::PumpSinks sinks) {
  constexpr int kUnavailable = 503;
  const size_t n_answers = std::max(generate.n(), 1U);
  protocol::Call message;
  *message.mutable_generate() = std::move(generate);
  const std::unique_ptr<EngineCall> call = lease.call(std::move(message));
  wire::GenerationEnd end = co_await wire::pump_generation(*call, responder, std::move(sinks), n_answers);
  const bool broken_off = std::any_of(end.answers.begin(), end.answers.end(), [](const auto& answer) {
    return answer.reason() == protocol::Finished::CANCELLED;
  });
  if (broken_off && !end.client_gone && !end.error) {
    end.error = wire::ApiError(kUnavailable, "the engine broke the answer off; try again");
  }
  if (end.error) end.error = without_path(*end.error, lease.entry());
  co_return end;
}

Task<bool> begin_events(http::Responder& responder) {
  // Named, every one: GCC 12 destroys a temporary in a call that is awaited twice where it is made of {}.
  constexpr int kOk = 200;
  std::string type(wire::kEventStream);
  http::Headers headers;
  const bool begun = co_await responder.begin(kOk, std::move(type), std::move(headers));
  co_return begun;
}

Task<wire::ApiResult<protocol::Reply>> ask_engine(EngineLease& lease, protocol::Call message,
                                                  http::Responder& responder) {
  const std::unique_ptr<EngineCall> call = lease.call(std::move(message));
  auto reply = co_await wire::only_reply(*call, responder);
  if (!reply) co_return without_path(reply.error(), lease.entry());
  co_return reply;
}

}  // namespace hearth::server::inference
