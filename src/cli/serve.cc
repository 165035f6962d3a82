// hearth serve: answer the clients of Ollama, OpenAI and Anthropic.
#include <algorithm>

#include "cli/command.h"
#include "cli/environment.h"
#include "cli/models_folder.h"
#include "cli/options.h"
#include "cli/serve_options.h"
#include "cli/stored_models.h"
#include "cli/units.h"
#include "server/accounts/exposure.h"
#include "server/accounts/folder.h"
#include "server/front/front.h"
#include "server/http/local_socket.h"
#include "server/wire/duration.h"
#include "store/registry/credentials.h"

namespace hearth::cli {
namespace {

constexpr uint16_t kDefaultPort = 11434;

struct Bind {
  std::string host = "127.0.0.1";
  uint16_t port = kDefaultPort;
};

// "HOST", "HOST:PORT", ":PORT", "[IPV6]:PORT", an IPv6 address, and a URL of http as HEARTH_HOST may be one.
Result<Bind> parse_bind(std::string_view text, const std::string& where) {
  Bind bind;
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (text.starts_with(scheme)) text.remove_prefix(scheme.size());
  }
  while (text.ends_with('/')) text.remove_suffix(1);
  std::string_view host = text;
  std::string_view port;
  if (text.starts_with('[')) {
    const size_t end = text.find(']');
    host = text.substr(1, end == std::string_view::npos ? end : end - 1);
    port = end == std::string_view::npos ? "" : text.substr(end + 1);
  } else if (const size_t colon = text.find(':');
             colon != std::string_view::npos && colon == text.rfind(':')) {
    host = text.substr(0, colon);
    port = text.substr(colon);
  }
  if (!host.empty()) bind.host = host;
  if (port.empty()) return bind;
  int64_t number = 0;
  if (!port.starts_with(':') || !parse_whole_number(std::string(port.substr(1)), number) || number < 0 ||
      number > UINT16_MAX) {
    return make_error(ErrorCode::kUsage,
                      "{}: expected HOST or HOST:PORT with a port from 0 to {}, found '{}'", where,
                      UINT16_MAX, text);
  }
  bind.port = static_cast<uint16_t>(number);
  return bind;
}

Result<Bind> choose_bind(const ServeOptions& options) {
  HEARTH_ASSIGN(Bind bind, parse_bind(options.host, options.host_source));
  if (options.port >= 0) bind.port = static_cast<uint16_t>(options.port);
  return bind;
}

// "500K", "20M", "1G" of bytes in a second, powers of 1000; 0 for none.
Result<uint64_t> parse_rate(const std::string& text) {
  if (text.empty()) return 0;
  const size_t n_digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const std::string unit = text.substr(n_digits);
  int64_t number = 0;
  const uint64_t factor = unit.empty()  ? 1U
                          : unit == "K" ? 1'000U
                          : unit == "M" ? 1'000'000U
                          : unit == "G" ? 1'000'000'000U
                                        : 0U;
  constexpr int64_t kMost = 1'000'000'000;
  if (factor == 0 || !parse_whole_number(text.substr(0, n_digits), number) || number < 1 || number > kMost) {
    return make_error(ErrorCode::kUsage,
                      "--limit-rate: expected bytes per second such as 500K, 20M or 1G, found '{}'", text);
  }
  return static_cast<uint64_t>(number) * factor;
}

Result<server::Seconds> parse_duration(const std::string& where, const std::string& text) {
  const auto duration = server::wire::parse_go_duration(text);
  if (duration) return server::Seconds(*duration);
  return make_error(ErrorCode::kUsage, "{}: expected a duration such as 5m, 1h30m, 0s or -1s, found '{}'",
                    where, text);
}

// HEARTH_OFFLINE=1; what is set to 0 or to nothing is not set.
bool is_offline_by_environment() {
  const std::string value = environment_value("HEARTH_OFFLINE");
  return !value.empty() && value != "0" && value != "false";
}

Result<server::TransferOptions> transfer_options(const ServeOptions& options) {
  server::TransferOptions transfers;
  std::error_code error;
  transfers.offline = options.offline || is_offline_by_environment();
  if (!options.ca_file.empty()) {
    transfers.ca_file = std::filesystem::canonical(options.ca_file, error).string();
    if (error) return make_error(ErrorCode::kNotFound, "--ca-file: {}: {}", options.ca_file, error.message());
  }
  HEARTH_ASSIGN(transfers.max_bytes_per_s, parse_rate(options.limit_rate));
  transfers.token_hosts = options.token_hosts;
  transfers.docker_config = store::registry::docker_config_path().string();
  return transfers;
}

Result<server::FrontOptions> front_options(const ServeOptions& options) {
  server::FrontOptions front;
  HEARTH_ASSIGN(const Bind bind, choose_bind(options));
  front.http.host = bind.host;
  front.http.port = bind.port;
  front.http.certificate_path = options.certificate;
  front.http.key_path = options.key;
  front.http.allowed_hosts = options.allowed_hosts;
  front.http.allowed_origins = options.allowed_origins;
  front.http.socket_folder = server::http::local_socket_folder();
  HEARTH_ASSIGN(front.accounts_folder, server::accounts::accounts_folder());
  HEARTH_ASSIGN(front.models.models, models_folder(options.models));
  HEARTH_ASSIGN(front.models.pool.keep_alive, parse_duration(options.keep_alive_source, options.keep_alive));
  HEARTH_ASSIGN(front.models.pool.load_timeout,
                parse_duration(options.load_timeout_source, options.load_timeout));
  front.models.pool.max_loaded = static_cast<size_t>(options.max_loaded);
  front.models.pool.memory_bytes = static_cast<uint64_t>(options.memory_gib) << 30U;
  front.models.pool.max_waiting = static_cast<size_t>(options.max_waiting);
  protocol::StartOptions& start = front.models.pool.start;
  start.set_context_tokens(options.context_tokens);
  start.set_kv_tokens(options.kv_tokens);
  start.set_max_sequences(options.max_sequences);
  start.set_max_waiting(options.max_waiting);
  start.set_cache_type_k(std::string(tensor::dtype_name(options.kv_types.k)));
  start.set_cache_type_v(std::string(tensor::dtype_name(options.kv_types.v)));
  start.set_n_threads(static_cast<int32_t>(options.n_threads));
  HEARTH_ASSIGN(front.transfers, transfer_options(options));
  HEARTH_ASSIGN(front.models.trusted_keys, read_public_keys(options.verify_keys));
  front.shares_models = options.share_models;
  front.require_key = options.require_key;
  front.audit = !options.no_audit;
  front.insecure = options.insecure;
  front.grace = std::chrono::seconds(options.grace_s);
  front.version = HEARTH_VERSION;
  return front;
}

Result<void> run_server(const ServeOptions& options, const Context& context) {
  HEARTH_ASSIGN(server::FrontOptions front, front_options(options));
  const std::string models = front.models.models.string();
  const Console& console = context.console;
  server::FrontEvents events;
  events.on_listening = [&](const std::string& address) {
    console.note(fmt::format("Hearth listens on {}; models in {}", address, models));
  };
  events.on_warning = [&](std::string_view message) { console.error(message); };
  events.on_draining = [&](size_t n_running) {
    console.note(fmt::format("Ending; {} requests are still answered (again: at once)", n_running));
  };
  return server::serve(std::move(front), events);
}

constexpr const char* kServeExamples =
    R"(The clients of Ollama, of OpenAI (at /v1) and of Anthropic are answered at the same address. A model is one of
the store, which may be Ollama's, or a GGUF file or a Hugging Face folder in the folder of models, called by its name
without the ending.

On loopback no key is needed as long as none was made. Other machines are answered over TLS and with keys only: see
hearth help key.

Models are in the folder of --models, else of HEARTH_MODELS, else in HEARTH_HOME's folder models, else in that of
OLLAMA_MODELS, else in ~/.ollama/models where Ollama has its store there, else in Hearth's own.

{}
Examples:
  hearth serve --models ~/models
  hearth serve --models ~/models --context 16384 --parallel 16 --cache-type-k q8_0 --cache-type-v q8_0
  hearth serve --host 0.0.0.0 --tls-cert server.pem --tls-key server.key --allow-host ai.example.org)";

std::string serve_footer() {
  const std::string variables =
      "Environment, where the option is not given; OLLAMA_ in place of HEARTH_ is read where that is not "
      "set:\n" +
      environment_help() +
      "  HEARTH_HOME               the folder of keys, audit log and models\n"
      "  HEARTH_OFFLINE            --offline\n";
  std::string footer = kServeExamples;
  return footer.replace(footer.find("{}"), 2, variables);
}

void add_memory_options(CLI::App& command, ServeOptions& options) {
  constexpr int64_t kMost = int64_t{1} << 40;
  add_count_option(
      command, "--context,--num-ctx", options.context_tokens, 1, kMost,
      "tokens of context of a model, where no request asks for more (default: 8192, or what the model was "
      "trained for)");
  add_count_option(
      command, "--kv-tokens", options.kv_tokens, 1, kMost,
      "tokens that the KV cache of a model holds of all its answers together; fewer than --context for "
      "each of --parallel save memory, and answers wait for one another when it is full (default: as "
      "many)");
  add_count_option(command, "--parallel", options.max_sequences, 1, 4096,
                   "answers that a model works on at once (default: 8)");
  add_count_option(command, "--max-waiting", options.max_waiting, 1, 1 << 20,
                   "requests to a model that may wait; more are answered 503 (default: 512)");
  add_count_option(command, "--max-models", options.max_loaded, 1, 1024,
                   "models that are loaded at once (default: 3)");
  add_count_option(command, "--memory", options.memory_gib, 1, 1 << 20,
                   "GiB that all models together may take (default: what the machine has)");
  command
      .add_option("--keep-alive", options.keep_alive,
                  "how long a model stays after its last request: 5m, 1h, 0s, -1s for ever (default: 5m)")
      ->type_name("DURATION");
  command
      .add_option("--load-timeout", options.load_timeout,
                  "a load that gets no further for so long is given up: 5m, 90s; 0s: none is (default: 5m)")
      ->type_name("DURATION");
  add_cache_type_options(command, options.kv_types);
  add_threads_option(command, options.n_threads);
}

void add_access_options(CLI::App& command, ServeOptions& options) {
  const auto file = [&](const char* name, std::string& path, const char* description) {
    return command.add_option(name, path, description)->type_name("FILE")->group("Access");
  };
  CLI::Option* certificate =
      file("--tls-cert", options.certificate, "the server's certificate with its chain, PEM");
  CLI::Option* key = file("--tls-key", options.key, "its private key, PEM");
  certificate->needs(key);
  key->needs(certificate);
  command
      .add_option("--allow-host", options.allowed_hosts,
                  "a name by which the server may be called; may be repeated")
      ->allow_extra_args(false)
      ->type_name("NAME")
      ->group("Access");
  command
      .add_option("--allow-origin", options.allowed_origins,
                  "a web page's origin that may use the server; may be repeated")
      ->allow_extra_args(false)
      ->type_name("URL")
      ->group("Access");
  command
      .add_option("--verify-key", options.verify_keys,
                  "load only models that this public key, PEM, has signed (hearth sign); may be repeated")
      ->allow_extra_args(false)
      ->type_name("FILE")
      ->group("Access");
  command
      .add_flag("--require-key", options.require_key,
                "answer nobody without an API key, on loopback too, and make no Unix socket")
      ->group("Access");
  command
      .add_flag(
          "--share-models", options.share_models,
          "let who may use the models copy them, too: hearth pull --from on another machine, with a key")
      ->group("Access");
  command.add_flag("--no-audit", options.no_audit, "keep no audit log")->group("Access");
  command
      .add_flag(std::string(server::accounts::kInsecureFlag), options.insecure,
                "let other machines in without keys or without TLS")
      ->group("Access");
}

void add_registry_options(CLI::App& command, ServeOptions& options) {
  const char* group = "Registries";
  command.add_flag("--offline", options.offline, "pull and push nothing (HEARTH_OFFLINE=1 says the same)")
      ->group(group);
  command
      .add_option("--ca-file", options.ca_file,
                  "certificates to verify registries with, PEM, in place of the system's")
      ->type_name("FILE")
      ->group(group);
  command
      .add_option("--limit-rate", options.limit_rate,
                  "bytes per second that a pull or push may take: 500K, 20M, 1G")
      ->type_name("RATE")
      ->group(group);
  command
      .add_option("--token-host", options.token_hosts,
                  "a host that may give tokens for a registry of another name; may be repeated")
      ->allow_extra_args(false)
      ->type_name("NAME")
      ->group(group);
}

}  // namespace

void add_serve_command(CLI::App& parser, Action& action) {
  auto options = std::make_shared<ServeOptions>();
  CLI::App* command = parser.add_subcommand("serve", "Answer the clients of Ollama, OpenAI and Anthropic");
  command->add_option("--host", options->host, "the address to listen on (default: 127.0.0.1)")
      ->type_name("HOST");
  add_count_option(*command, "--port", options->port, 0, UINT16_MAX,
                   "its port; 0: one that is free (default: 11434)");
  command->add_option("--models", options->models, "the folder that the models are in, or one model")
      ->type_name("PATH");
  add_count_option(*command, "--grace", options->grace_s, 0, 86'400,
                   "seconds that answers may still take when the server is told to end (default: 30)");
  add_memory_options(*command, *options);
  add_access_options(*command, *options);
  add_registry_options(*command, *options);
  command->footer(serve_footer());
  command->callback([options, command, &action] {
    std::set<std::string> given;
    for (const CLI::Option* option : command->get_options()) {
      if (option->count() == 0) continue;
      for (const std::string& name : option->get_lnames()) given.insert("--" + name);
    }
    action = [options, given](const Context& context) -> Result<void> {
      HEARTH_TRY(read_environment(environment_value, given, *options));
      return run_server(*options, context);
    };
  });
}

}  // namespace hearth::cli
