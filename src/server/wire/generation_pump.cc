#include "server/wire/generation_pump.h"

#include <algorithm>

namespace hearth::server::wire {
namespace {

constexpr int kClientClosed = 499;

// As long as it lives, the call is cancelled when the client goes away.
class CancelsWhenGone {
 public:
  CancelsWhenGone(EngineCall& call, http::Responder& responder) : responder_(responder) {
    responder.on_disconnect([&call] { call.cancel(); });
  }
  CancelsWhenGone(const CancelsWhenGone&) = delete;
  CancelsWhenGone& operator=(const CancelsWhenGone&) = delete;
  ~CancelsWhenGone() { responder_.on_disconnect(nullptr); }

 private:
  http::Responder& responder_;
};

// An answer that nobody here cancelled was cancelled by the server.
ApiError ended_early(const std::vector<protocol::Finished>& answers) {
  for (const protocol::Finished& answer : answers) {
    if (answer.reason() == protocol::Finished::CANCELLED) return {503, "the server ended the request"};
  }
  return {500, "the engine ended its answer early; try again, and see the server's log"};
}

bool is_whole(const std::vector<protocol::Finished>& answers, size_t n_answers) {
  return answers.size() >= n_answers &&
         std::none_of(answers.begin(), answers.end(), [](const protocol::Finished& answer) {
           return answer.reason() == protocol::Finished::CANCELLED;
         });
}

}  // namespace

int64_t GenerationEnd::n_generated_tokens() const {
  int64_t n = 0;
  for (const protocol::Finished& answer : answers) n += answer.n_generated_tokens();
  return n;
}

Task<GenerationEnd> pump_generation(EngineCall& call, http::Responder& responder, PumpSinks sinks,
                                    size_t n_answers) {
  const CancelsWhenGone cancels(call, responder);
  GenerationEnd end;
  bool wanted = true;
  while (auto reply = co_await call.next()) {
    bool goes_on = true;
    if (reply->has_failure()) {
      end.error = api_error_of(reply->failure());
    } else if (reply->has_finished()) {
      end.answers.push_back(std::move(*reply->mutable_finished()));
    } else if (reply->has_accepted()) {
      end.accepted = reply->accepted();
      if (wanted && sinks.on_accepted) goes_on = co_await sinks.on_accepted(end.accepted);
    } else if (reply->has_delta() && wanted) {
      goes_on = co_await sinks.on_delta(reply->delta());
    }
    if (goes_on) continue;
    wanted = false;
    call.cancel();
  }
  end.client_gone = !wanted || responder.is_disconnected();
  if (end.client_gone) {
    end.error.reset();
  } else if (!end.error && !is_whole(end.answers, n_answers)) {
    end.error = ended_early(end.answers);
  }
  co_return end;
}

Task<ApiResult<protocol::Reply>> only_reply(EngineCall& call, http::Responder& responder) {
  const CancelsWhenGone cancels(call, responder);
  std::optional<protocol::Reply> last;
  while (auto reply = co_await call.next()) last = std::move(reply);
  if (responder.is_disconnected()) co_return ApiError(kClientClosed, "request canceled");
  if (!last) co_return ended_early({});
  if (last->has_failure()) co_return api_error_of(last->failure());
  co_return *std::move(last);
}

}  // namespace hearth::server::wire
