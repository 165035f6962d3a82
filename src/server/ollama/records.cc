#include "server/ollama/records.h"

#include <cmath>

#include "base/utf8.h"
#include "server/wire/stream_text.h"
#include "server/wire/timestamp.h"
#include "text/chat/template_switches.h"

namespace hearth::server::ollama {
namespace {

using wire::Json;

int64_t nanoseconds(Seconds seconds) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(seconds).count();
}

Json record_of(const GenerationRequest& request, const AnswerText& text) {
  Json record{{"model", request.model},
              {"created_at", wire::utc_timestamp(std::chrono::system_clock::now())}};
  if (request.endpoint == Endpoint::kChat) {
    Json message{{"role", "assistant"}, {"content", text.content}};
    if (!text.thinking.empty()) message["thinking"] = text.thinking;
    if (!text.tool_calls.empty()) message["tool_calls"] = text.tool_calls;
    record["message"] = std::move(message);
  } else {
    record["response"] = text.content;
    if (!text.thinking.empty()) record["thinking"] = text.thinking;
  }
  return record;
}

std::string_view reason_name(protocol::Finished::Reason reason) {
  const bool is_cut = reason == protocol::Finished::LENGTH || reason == protocol::Finished::CONTEXT;
  return is_cut ? "length" : "stop";
}

// Not in a line that clients would refuse to read.
void add_context(Json& record, const protocol::Finished& finished) {
  constexpr size_t kBytesPerToken = 12;  // of an id of 32 bits, its sign and a comma
  const auto n_tokens = static_cast<size_t>(finished.token_ids_size());
  if (n_tokens == 0 || n_tokens * kBytesPerToken > wire::kMaxLineBytes / 2) return;
  record["context"] = std::vector<int32_t>(finished.token_ids().begin(), finished.token_ids().end());
}

Json logprob_of(const protocol::TokenLogprob& token) {
  Json bytes = Json::array();
  for (const char byte : token.piece()) bytes.push_back(static_cast<unsigned char>(byte));
  // JSON has no infinities; what cannot come has the smallest number there is.
  const double logprob = std::isfinite(token.logprob()) ? static_cast<double>(token.logprob()) : -9999.0;
  return {{"token", sanitize_utf8(token.piece())}, {"logprob", logprob}, {"bytes", std::move(bytes)}};
}

}  // namespace

int64_t Timing::total_ns() const {
  return nanoseconds(std::chrono::steady_clock::now() - began);
}

int64_t Timing::load_ns() const {
  return nanoseconds(load);
}

inference::ToolCalls new_tool_calls() {
  constexpr size_t kIdLength = 8;
  return inference::ToolCalls("call_", kIdLength);
}

Json call_record(const inference::ToolCalls& calls) {
  const inference::ToolCall& call = calls.back();
  return {{"id", call.id},
          {"function",
           {{"index", calls.size() - 1},
            {"name", call.name},
            {"arguments", inference::arguments_object(call.arguments)}}}};
}

void AnswerText::append(const protocol::Delta& delta, inference::ToolCalls& calls) {
  if (delta.kind() == protocol::Delta::TOOL_CALL) {
    calls.append(delta.tool_call());
    if (delta.tool_call().is_whole()) tool_calls.push_back(call_record(calls));
  }
  (delta.kind() == protocol::Delta::THINKING ? thinking : content) += delta.text();
  for (Json& logprob : logprobs_of(delta)) logprobs.push_back(std::move(logprob));
}

Json part_record(const GenerationRequest& request, const AnswerText& text) {
  Json record = record_of(request, text);
  record["done"] = false;
  if (!text.logprobs.empty()) record["logprobs"] = text.logprobs;
  return record;
}

Json final_record(const GenerationRequest& request, const AnswerText& text,
                  const protocol::Finished& finished, const Timing& timing) {
  Json record = record_of(request, text);
  record["done"] = true;
  record["done_reason"] = reason_name(finished.reason());
  if (request.endpoint == Endpoint::kGenerate && !request.raw) add_context(record, finished);
  record["total_duration"] = timing.total_ns();
  record["load_duration"] = timing.load_ns();
  record["prompt_eval_count"] = finished.n_prompt_tokens();
  record["prompt_eval_duration"] = finished.prompt_ns();
  record["eval_count"] = finished.n_generated_tokens();
  record["eval_duration"] = finished.decode_ns();
  if (!text.logprobs.empty()) record["logprobs"] = text.logprobs;
  return record;
}

Json load_record(const GenerationRequest& request, std::string_view done_reason) {
  Json record = record_of(request, {});
  record["done"] = true;
  record["done_reason"] = done_reason;
  return record;
}

Json logprobs_of(const protocol::Delta& delta) {
  Json logprobs = Json::array();
  for (const protocol::TokenLogprob& token : delta.logprobs()) {
    Json record = logprob_of(token);
    Json top = Json::array();
    for (const protocol::TokenLogprob& other : token.top()) top.push_back(logprob_of(other));
    if (!top.empty()) record["top_logprobs"] = std::move(top);
    logprobs.push_back(std::move(record));
  }
  return logprobs;
}

std::string parameter_size(int64_t n_parameters) {
  constexpr double kBillion = 1e9;
  constexpr double kMillion = 1e6;
  const auto n = static_cast<double>(n_parameters);
  const auto is_whole = [](double x) { return std::floor(x) == x; };
  if (n >= kBillion) return fmt::format("{:.{}f}B", n / kBillion, is_whole(n / kBillion) ? 0 : 1);
  if (n >= kMillion) return fmt::format("{:.{}f}M", n / kMillion, is_whole(n / kMillion) ? 0 : 2);
  if (n >= 1000) return fmt::format("{:.0f}K", n / 1000);
  return fmt::format("{}", n_parameters);
}

Json details_of(const protocol::Opened& description) {
  Json details{{"parent_model", ""},
               {"format", description.format()},
               {"family", description.architecture()},
               {"families", Json::array({description.architecture()})},
               {"parameter_size", parameter_size(description.n_parameters())},
               {"quantization_level", description.quantisation()}};
  if (description.trained_context_tokens() > 0)
    details["context_length"] = description.trained_context_tokens();
  if (description.embedding_length() > 0) details["embedding_length"] = description.embedding_length();
  return details;
}

Json details_of(const store::ModelConfig& config) {
  // Field by field: a list of pairs would be made of lists first, for each of a thousand models.
  Json::object_t details;
  details.reserve(6);
  details.emplace_back("parent_model", "");
  details.emplace_back("format", config.format);
  details.emplace_back("family", config.family);
  details.emplace_back("families", config.families);
  details.emplace_back("parameter_size", config.parameters);
  details.emplace_back("quantization_level", config.quantisation);
  return Json(std::move(details));
}

Json capabilities_of(const protocol::Opened& description) {
  // As Ollama does: an embedding model is for nothing else, although a decoder could.
  if (description.is_encoder() || description.has_pooling()) return Json::array({"embedding"});
  Json capabilities = Json::array({"completion"});
  if (description.has_template_tools()) capabilities.push_back("tools");
  if (text::template_knows_suffix(description.chat_template())) capabilities.push_back("insert");
  if (description.has_template_thinking()) capabilities.push_back("thinking");
  return capabilities;
}

}  // namespace hearth::server::ollama
