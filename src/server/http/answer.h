// The answer to one request, as it goes over the connection. Private to the server.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "server/http/channel.h"
#include "server/http/responder.h"

namespace hearth::server::http {

class StreamedBody;

// What a response's head depends on besides the response.
struct AnswerOptions {
  bool http_1_1 = true;
  bool head_only = false;   // the request was a HEAD
  bool keep_alive = false;  // unless the answer itself makes it impossible
  // Read by the handler: what is left of it then could not be told from the next request. Null: it was read
  // before.
  const StreamedBody* streamed_body = nullptr;
  Headers headers;  // that every response to this request bears
  Clock::duration write_stall{};
};

class Answer : public Responder {
 public:
  // Both outlive it.
  Answer(Channel& channel, const bool& draining, AnswerOptions options);
  ~Answer() override;
  Answer(const Answer&) = delete;
  Answer& operator=(const Answer&) = delete;

  Task<bool> send(Response response) override;
  Task<bool> begin(int status, std::string content_type, Headers headers = {}) override;
  Task<bool> write(std::string part) override;
  Task<bool> end() override;
  void note_model(std::string_view name) override { model_ = name; }
  bool has_begun() const noexcept override { return state_ != State::kNothing; }
  void on_disconnect(std::function<void()> callback) override;
  bool is_disconnected() const noexcept override { return channel_.gone(); }

  // For the connection.
  int status() const noexcept { return status_; }               // 0: none was sent
  const std::string& model() const noexcept { return model_; }  // that was noted last
  bool is_complete() const noexcept { return state_ == State::kEnded && sent_all_; }
  bool has_ended() const noexcept { return state_ == State::kEnded; }
  bool keeps_alive() const noexcept { return options_.keep_alive; }

 private:
  enum class State { kNothing, kBegun, kEnded };
  enum class Framing { kLength, kChunked, kUntilClose, kNone };
  std::string make_head(int status, std::string_view content_type, const Headers& headers, Framing framing,
                        size_t length_bytes);
  Task<bool> put(std::string bytes);

  Channel& channel_;
  const bool& draining_;
  AnswerOptions options_;
  State state_ = State::kNothing;
  Framing framing_ = Framing::kLength;
  bool sent_all_ = true;
  int status_ = 0;
  std::string model_;
};

}  // namespace hearth::server::http
