// hearth run NAME: an answer, or a session, from a model of the server.
#include <unistd.h>

#include <filesystem>
#include <system_error>

#include "cli/client/client_commands.h"
#include "cli/client/http_client.h"
#include "cli/client/json_access.h"
#include "cli/constraint.h"
#include "cli/interrupt.h"
#include "cli/line_editor.h"
#include "cli/output.h"
#include "cli/units.h"
#include "store/name.h"

namespace hearth::cli {
namespace {

// As /api/chat takes them: numbers and lists as JSON, other texts as they are.
Json options_of(const Parameters& parameters) {
  const Parameters defaults;
  Json options = Json::object();
  for (const ParameterSpec& spec : parameter_specs()) {
    const std::string text = spec.get(parameters);
    if (text == spec.get(defaults)) continue;
    Json value = Json::parse(text, nullptr, /*allow_exceptions=*/false);
    options[std::string(spec.name)] = value.is_discarded() ? Json(text) : std::move(value);
  }
  if (!parameters.stop.empty()) options["stop"] = parameters.stop;
  return options;
}

double seconds_of(const Json& record, const std::string& name) {
  return static_cast<double>(count_of(record, name)) * 1e-9;
}

double rate(const Json& record, const std::string& count, const std::string& duration) {
  const double seconds = seconds_of(record, duration);
  return seconds > 0 ? static_cast<double>(count_of(record, count)) / seconds : 0;
}

void report_figures(const Json& last) {
  fmt::print(stderr, "\ntotal duration:       {}\n", format_seconds(seconds_of(last, "total_duration")));
  fmt::print(stderr, "load duration:        {}\n", format_seconds(seconds_of(last, "load_duration")));
  fmt::print(stderr, "prompt eval count:    {} token(s)\n", count_of(last, "prompt_eval_count"));
  fmt::print(stderr, "prompt eval rate:     {}\n",
             format_rate(rate(last, "prompt_eval_count", "prompt_eval_duration")));
  fmt::print(stderr, "eval count:           {} token(s)\n", count_of(last, "eval_count"));
  fmt::print(stderr, "eval rate:            {}\n", format_rate(rate(last, "eval_count", "eval_duration")));
}

// Writes an answer as it comes.
class AnswerWriter {
 public:
  // keeps: nothing is written, but finish() writes the one object.
  AnswerWriter(const Console& console, bool escapes, bool keeps)
      : console_(console), escapes_(escapes), keeps_(keeps) {}

  Result<void> take(const Json& record, const Json& part, const std::string& content_name) {
    const std::string thinking = text_of(part, "thinking");
    if (keeps_) {
      thinking_ += thinking;
    } else if (!thinking.empty() && !console_.quiet()) {
      fmt::print(stderr, "{}", escape_control(thinking));
      thought_ = true;
    }
    if (const std::string text = text_of(part, content_name); !text.empty()) {
      if (std::exchange(thought_, false)) fmt::print(stderr, "\n\n");
      answer_ += text;
      if (!keeps_) HEARTH_TRY(write_output(escapes_ ? escape_control(text) : text));
    }
    if (record.contains("done") && record["done"] == true) last_ = record;
    return {};
  }

  // A stream that ends before its last record was cut off.
  Result<void> finish() {
    if (last_.is_null()) return Error(ErrorCode::kIo, "the server's answer ended early");
    if (keeps_) return write_json(whole());
    if (answer_.ends_with('\n')) return {};
    return write_output("\n");
  }

  // The answer, and what the server says of it in the end.
  Json whole() const {
    Json record{{"model", text_of(last_, "model")}, {"response", answer_}};
    if (!thinking_.empty()) record["thinking"] = thinking_;
    for (const char* name : {"done_reason", "total_duration", "load_duration", "prompt_eval_count",
                             "prompt_eval_duration", "eval_count", "eval_duration"}) {
      if (last_.contains(name)) record[name] = last_[name];
    }
    return record;
  }

  const std::string& answer() const noexcept { return answer_; }
  const Json& last() const noexcept { return last_; }

 private:
  const Console& console_;
  bool escapes_;
  bool keeps_;
  bool thought_ = false;  // on stderr, and nothing since
  std::string answer_;
  std::string thinking_;
  Json last_;
};

bool same_name(const std::string& a, const std::string& b) {
  const auto first = store::ModelName::parse(a);
  const auto second = store::ModelName::parse(b);
  return first && second && store::same_model(*first, *second);
}

// While nothing comes of an answer, shows on a terminal how far the server is with loading the model.
class LoadWatch {
 public:
  LoadWatch(const Console& console, HttpClient& client, std::string model)
      : client_(client), asking_(client), model_(std::move(model)), line_(console) {
    if (!console.quiet() && is_terminal(STDERR_FILENO)) client_.on_wait([this] { look(); });
    constexpr std::chrono::milliseconds kPatience(500);
    asking_.limit_time(kPatience);
  }
  LoadWatch(const LoadWatch&) = delete;
  LoadWatch& operator=(const LoadWatch&) = delete;
  ~LoadWatch() { client_.on_wait(nullptr); }

 private:
  void look() {
    constexpr double kInterval = 0.4;
    const double now = monotonic_seconds();
    if (now < next_s_) return;
    const Result<Json> answer = asking_.get("/api/ps");
    next_s_ = monotonic_seconds() + kInterval;
    if (!answer) return;
    for (const Json& model : items_of(*answer, "models")) {
      const Json& loading = object_of(model, "loading");
      if (!loading.empty() && same_name(text_of(model, "name"), model_))
        line_.show(fmt::format("{}: {}", text_of(model, "name"), loading_text(loading)));
    }
  }

  HttpClient& client_;
  HttpClient asking_;
  const std::string model_;
  ProgressLine line_;
  double next_s_ = monotonic_seconds() + 0.2;  // most models are there at once
};

// That a model has no chat template, and so goes on with texts, as the same model does from a file.
bool cannot_chat(const Error& error) {
  return error.message().find("does not support chat") != std::string::npos;
}

class RemoteSession {
 public:
  RemoteSession(const RemoteRun& run, HttpClient client, const Context& context)
      : run_(run), client_(std::move(client)), context_(context), system_(run.system), completes_(run.raw) {}

  Result<void> answer(const std::string& prompt) {
    AnswerWriter writer(context_.console, is_terminal(1), run_.json);
    watch_.emplace(context_.console, client_, run_.model);
    Result<void> done = completes_ ? complete(prompt, writer) : chat(prompt, writer);
    if (!done && !completes_ && cannot_chat(done.error())) {
      HEARTH_TRY(go_on_with_texts());
      done = complete(prompt, writer);
    }
    watch_.reset();
    if (!done) return done;
    HEARTH_TRY(writer.finish());
    if (run_.verbose) report_figures(writer.last());
    messages_.push_back({{"role", "user"}, {"content", prompt}});
    messages_.push_back({{"role", "assistant"}, {"content", writer.answer()}});
    return {};
  }

  // Lines until /bye or the end of the input.
  Result<void> talk() {
    // Loads the model, or says now why it cannot be had.
    watch_.emplace(context_.console, client_, run_.model);
    const auto loaded = client_.post("/api/chat", {{"model", run_.model}});
    watch_.reset();
    if (!loaded && !cannot_chat(loaded.error())) return loaded.error();
    if (!loaded) HEARTH_TRY(go_on_with_texts());
    LineEditor editor(history_path());
    context_.console.note("Type a message, /? for help, /bye to leave.");
    while (true) {
      const LineEditor::Line line = editor.read(">>> ");
      if (line.outcome == LineEditor::Outcome::kEnd) return {};
      if (line.outcome == LineEditor::Outcome::kInterrupted) {
        context_.console.note("Use Ctrl-D or /bye to leave.");
        continue;
      }
      if (line.text.empty()) continue;
      editor.remember(line.text);
      if (line.text == "/bye" || line.text == "/exit") return {};
      clear_interrupt();
      const Result<void> done = line.text.front() == '/' ? command(line.text) : answer(line.text);
      clear_interrupt();
      if (!done && done.error().code() == ErrorCode::kCancelled) {
        HEARTH_TRY(write_output("\n"));
      } else if (!done) {
        context_.console.error(done.error().message());
      }
    }
  }

 private:
  Result<void> go_on_with_texts() {
    if (!system_.empty()) {
      return make_error(ErrorCode::kUsage, "--system: {} has no chat template, and so no place for it",
                        run_.model);
    }
    context_.console.note(
        fmt::format("{} has no chat template: it goes on with the text as it is", run_.model));
    completes_ = true;
    return {};
  }

  Result<void> chat(const std::string& prompt, AnswerWriter& writer) {
    Json messages = Json::array();
    if (!system_.empty()) messages.push_back({{"role", "system"}, {"content", system_}});
    for (const Json& message : messages_) messages.push_back(message);
    messages.push_back({{"role", "user"}, {"content", prompt}});
    Json body{
        {"model", run_.model}, {"messages", std::move(messages)}, {"options", options_of(run_.parameters)}};
    if (run_.constraint) add_constraint_fields(*run_.constraint, body);
    return client_.post_for_lines("/api/chat", body, [&](const Json& record) {
      watch_.reset();
      return writer.take(record, object_of(record, "message"), "content");
    });
  }

  Result<void> complete(const std::string& prompt, AnswerWriter& writer) {
    Json body{
        {"model", run_.model}, {"prompt", prompt}, {"raw", true}, {"options", options_of(run_.parameters)}};
    if (run_.constraint) add_constraint_fields(*run_.constraint, body);
    return client_.post_for_lines("/api/generate", body, [&](const Json& record) {
      watch_.reset();
      return writer.take(record, record, "response");
    });
  }

  Result<void> command(const std::string& line) {
    constexpr std::string_view kSystem = "/set system ";
    if (line == "/clear") {
      messages_ = Json::array();
      context_.console.note("Forgot what was said so far.");
      return {};
    }
    if (line.starts_with(kSystem)) {
      system_ = line.substr(kSystem.size());
      return {};
    }
    if (line != "/?" && line != "/help")
      return make_error(ErrorCode::kUsage, "no command is '{}' (/? lists them)", escape_line(line));
    fmt::print(stderr,
               "Commands:\n"
               "  /set system TEXT   tell the model something before all else\n"
               "  /clear             forget what was said so far\n"
               "  /bye               end the session (so does Ctrl-D)\n");
    return {};
  }

  const RemoteRun& run_;
  HttpClient client_;
  const Context& context_;
  std::string system_;
  bool completes_;  // the text as it is, without a conversation around it
  Json messages_ = Json::array();
  std::optional<LoadWatch> watch_;  // until something comes of the answer
};

}  // namespace

bool is_server_model(const std::string& model) {
  std::error_code error;
  if (model.empty() || std::filesystem::exists(model, error)) return false;
  const bool begins_as_path = model.front() == '.' || model.front() == '/' || model.front() == '~';
  return !begins_as_path && !model.ends_with(".gguf") && !model.ends_with(".safetensors");
}

Result<void> run_remote(const RemoteRun& run, const Context& context) {
  HEARTH_ASSIGN(HttpClient client, HttpClient::from_environment());
  RemoteSession session(run, std::move(client), context);
  const auto begin = [&] { return run.prompt ? session.answer(*run.prompt) : session.talk(); };
  Result<void> done = begin();
  if (!done && done.error().code() == ErrorCode::kNotFound && store::ModelName::parse(run.model)) {
    context.console.note(fmt::format("The server has no model {}; pulling it.", escape_line(run.model)));
    const Result<void> pulled = pull_model(run.model, context);
    if (!pulled && pulled.error().code() == ErrorCode::kCancelled) return pulled.error();
    if (!pulled) {
      return pulled.error().in(
          fmt::format("the server has no model {}, and could not pull it", escape_line(run.model)));
    }
    done = begin();
  }
  if (done || done.error().code() != ErrorCode::kUnavailable) return done;
  return done.error().in(
      fmt::format("{} is no file or folder here, and so a model of the server", run.model));
}

}  // namespace hearth::cli
