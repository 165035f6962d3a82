// hearth pull and hearth push: models from a registry to the server, and back.
#include <algorithm>
#include <cstdlib>

#include "cli/client/client_commands.h"
#include "cli/client/http_client.h"
#include "cli/client/json_access.h"
#include "cli/output.h"
#include "cli/terminal.h"
#include "cli/units.h"

namespace hearth::cli {
namespace {

struct TransferOptions {
  std::string model;
  std::string from = {};  // of a pull
  bool insecure = false;
  bool json = false;
};

// A line for each layer: rewritten on a terminal while the layer is on its way, written once otherwise.
class TransferProgress {
 public:
  explicit TransferProgress(const Console& console) : console_(console) {}

  void take(const Json& record) {
    const std::string status = escape_line(text_of(record, "status"));
    const std::string digest = text_of(record, "digest");
    if (digest.empty()) {
      finish_layer();
      if (status != last_status_) console_.note(status);
      last_status_ = status;
      return;
    }
    if (digest != digest_) begin_layer(status, digest);
    total_ = count_of(record, "total");
    completed_ = std::min(count_of(record, "completed"), total_);
    bytes_per_s_ = count_of(record, "bytes_per_second");
    seconds_left_ = count_of(record, "seconds_left");
    if (line_) line_->show(running_text());
  }

  void finish_layer() {
    line_.reset();
    if (digest_.empty()) return;
    console_.note(
        fmt::format("{}  {}", layer_status_,
                    completed_ == total_ ? format_bytes(static_cast<uint64_t>(total_)) : running_text()));
    digest_.clear();
  }

 private:
  void begin_layer(const std::string& status, const std::string& digest) {
    finish_layer();
    digest_ = digest;
    layer_status_ = status;
    last_status_.clear();
    bytes_per_s_ = seconds_left_ = 0;
    line_ = std::make_unique<ProgressLine>(console_);
  }

  std::string running_text() const {
    std::string text =
        fmt::format("{}  {} of {}", layer_status_, format_bytes(static_cast<uint64_t>(completed_)),
                    format_bytes(static_cast<uint64_t>(total_)));
    if (bytes_per_s_ < 1) return text;
    text += fmt::format("  {}/s", format_bytes(static_cast<uint64_t>(bytes_per_s_)));
    if (seconds_left_ > 0)
      text += fmt::format("  {} left", format_seconds(static_cast<double>(seconds_left_)));
    return text;
  }

  const Console& console_;
  std::unique_ptr<ProgressLine> line_;
  std::string last_status_;
  std::string layer_status_;
  std::string digest_;  // of the layer that is on its way
  int64_t total_ = 0;
  int64_t completed_ = 0;
  int64_t bytes_per_s_ = 0;  // 0: not known, as what is left
  int64_t seconds_left_ = 0;
};

Result<void> transfer(const std::string& path, const TransferOptions& options, const Context& context) {
  HEARTH_ASSIGN(const HttpClient client, HttpClient::from_environment());
  TransferProgress progress(context.console);
  Json body{{"model", options.model}, {"insecure", options.insecure}};
  if (!options.from.empty()) {
    body["from"] = options.from;
    const char* key = std::getenv("HEARTH_FROM_KEY");  // NOLINT(concurrency-mt-unsafe): nobody sets variables
    if (key != nullptr) body["from_key"] = key;
  }
  std::string last;
  Result<void> done = client.post_for_lines(path, body, [&](const Json& record) -> Result<void> {
    last = text_of(record, "status");
    if (options.json) return write_output(record.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
    progress.take(record);
    return {};
  });
  progress.finish_layer();
  if (done && last != "success")
    return make_error(ErrorCode::kIo,
                      "the server ended its answer before the end; {} again goes on from there", path);
  return done;
}

constexpr const char* kPullExamples =
    R"(NAME is [HOST/][NAMESPACE/]MODEL[:TAG]; without a host it is registry.ollama.ai. hf.co/USER/REPO:QUANTISATION pulls
from Hugging Face. What was fetched stays when it is interrupted, and the next pull goes on from there.

The server does it (the one at HEARTH_HOST, 127.0.0.1:11434 by default). One that another user runs, or another machine,
wants a key with the scope manage in HEARTH_API_KEY. Names and passwords of registries are docker login's.

With --from another machine that runs hearth serve --share-models is asked for the weights first, over TLS, with the
API key of that machine in HEARTH_FROM_KEY. What the name stands for is still asked of the registry, which also
sends what that machine lacks or gets wrong.

Examples:
  hearth pull qwen3
  hearth pull --from big-box.lan qwen3
  hearth pull hf.co/bartowski/Llama-3.2-1B-Instruct-GGUF:Q4_K_M
  hearth pull --insecure registry.lan:5000/team/model:v2)";

constexpr const char* kPushExamples =
    R"(NAME says where to: [HOST/][NAMESPACE/]MODEL[:TAG]; hearth cp gives a model such a name. The server does it, with the
names and passwords of docker login; another user's or machine's wants a key with the scope manage in HEARTH_API_KEY.

Examples:
  hearth push registry.lan/team/model:v2
  hearth push --insecure 127.0.0.1:5000/team/model)";

void add_transfer_command(CLI::App& parser, Action& action, const char* name, const char* description,
                          const char* examples) {
  auto options = std::make_shared<TransferOptions>();
  CLI::App* command = parser.add_subcommand(name, description);
  command->add_option("NAME", options->model, "the model")->required()->type_name("");
  if (std::string_view(name) == "pull") {
    command
        ->add_option("--from", options->from,
                     "a machine that shares its models, to be asked before the registry; its key is in "
                     "HEARTH_FROM_KEY")
        ->type_name("HOST");
  }
  command->add_flag("--insecure", options->insecure, "take certificates that cannot be verified, and HTTP");
  command->add_flag("--json", options->json,
                    "print each report of the progress as a line of JSON, the last one too");
  command->footer(examples);
  command->callback([options, &action, path = fmt::format("/api/{}", name)] {
    action = [options, path](const Context& context) { return transfer(path, *options, context); };
  });
}

}  // namespace

Result<void> pull_model(const std::string& model, const Context& context) {
  return transfer("/api/pull", {.model = model}, context);
}

void add_pull_command(CLI::App& parser, Action& action) {
  add_transfer_command(parser, action, "pull", "Fetch a model from a registry", kPullExamples);
}

void add_push_command(CLI::App& parser, Action& action) {
  add_transfer_command(parser, action, "push", "Send a model to a registry", kPushExamples);
}

}  // namespace hearth::cli
