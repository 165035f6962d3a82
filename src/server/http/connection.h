// One connection: its requests, one after the other, until it is closed. Private to the server.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "server/http/admission.h"
#include "server/http/answer.h"
#include "server/http/channel.h"
#include "server/http/server_state.h"

namespace hearth::server::http {

class Connection {
 public:
  // turn_away: the server is full; the first request is answered so.
  Connection(std::shared_ptr<ServerState> state, std::shared_ptr<Channel> channel, Endpoints endpoints,
             bool turn_away);

  Task<void> run();

  bool is_idle() const noexcept { return idle_; }
  void close_idle() { channel_->stop_reading(); }
  void cut() { channel_->cut(); }

 private:
  // Of the request that is being served; none of it costs memory while the connection is idle.
  struct Exchange;

  Task<bool> wait_for_request();
  // Whether another may follow.
  Task<bool> serve();
  Task<std::optional<ParseFailure>> read_head(Exchange& exchange);
  Task<void> serve_admitted(Exchange& exchange);
  Task<void> serve_streamed(Exchange& exchange);
  Task<void> read_body(Exchange& exchange);
  Task<void> call_handler(Exchange& exchange);
  Task<void> respond(Exchange& exchange, Response response);
  Task<void> refuse(Exchange& exchange, int status, std::string message);
  bool has_room(Exchange& exchange) const;
  AnswerOptions answer_options(const Exchange& exchange) const;
  void tell_answered(const Exchange& exchange);

  std::shared_ptr<ServerState> state_;
  std::shared_ptr<Channel> channel_;
  Endpoints endpoints_;
  bool turn_away_;
  bool idle_ = true;
  bool linger_ = false;
};

}  // namespace hearth::server::http
