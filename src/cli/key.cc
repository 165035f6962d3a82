// hearth key: the API keys of the server on this machine. Works whether it runs or not.
#include <fmt/chrono.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/units.h"
#include "server/accounts/audit_log.h"
#include "server/accounts/folder.h"
#include "server/accounts/keys.h"

namespace hearth::cli {
namespace {

using nlohmann::ordered_json;
using server::accounts::AuditEntry;
using server::accounts::AuditLog;
using server::accounts::CreatedKey;
using server::accounts::DailyUsage;
using server::accounts::KeyLimits;
using server::accounts::KeyRecord;
using server::accounts::KeyStore;
using server::accounts::Scopes;
using server::accounts::WallTime;

constexpr int64_t kMostPerLimit = 1'000'000'000'000;

struct NewKeyOptions {
  std::string name;
  std::string scopes = "inference";
  std::string expires;
  int64_t requests_per_minute = 0;  // 0, here and below: no limit
  int64_t tokens_per_day = 0;
  int64_t concurrent_requests = 0;
  bool json = false;
};

struct IdOptions {
  std::string id;
  bool json = false;
};

WallTime now() {
  return std::chrono::system_clock::now();
}

std::string format_time(WallTime time) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::chrono::floor<std::chrono::seconds>(time)));
}
ordered_json json_time(const std::optional<WallTime>& time) {
  return time ? ordered_json(format_time(*time)) : ordered_json();
}
std::string format_day(int64_t day) {
  return format_time(WallTime(std::chrono::days(day))).substr(0, 10);
}

// "90d": so long from now.
Result<WallTime> parse_expiry(const std::string& text) {
  static constexpr std::array<std::pair<char, int64_t>, 4> kUnitSeconds{
      {{'m', 60}, {'h', 3600}, {'d', 86'400}, {'w', 604'800}}};
  constexpr int64_t kMost = 100'000;
  int64_t count = 0;
  if (!text.empty() && parse_whole_number(text.substr(0, text.size() - 1), count) && count >= 1 &&
      count <= kMost) {
    for (const auto& [unit, seconds] : kUnitSeconds) {
      if (text.back() == unit) return now() + std::chrono::seconds(count * seconds);
    }
  }
  return make_error(ErrorCode::kUsage, "--expires: expected a number and m, h, d or w, as in 90d, found '{}'",
                    text);
}

std::optional<int64_t> limit_of(int64_t option) {
  return option == 0 ? std::nullopt : std::optional(option);
}

Result<KeyStore> open_keys() {
  HEARTH_ASSIGN(const std::filesystem::path folder, server::accounts::accounts_folder());
  return KeyStore::open(server::accounts::keys_path(folder));
}

// A command that was done is not undone because it could not be noted.
void note_in_audit_log(const Console& console, std::string command, const KeyRecord& key) {
  const auto append = [&]() -> Result<void> {
    HEARTH_ASSIGN(const std::filesystem::path folder, server::accounts::accounts_folder());
    HEARTH_ASSIGN(AuditLog log, AuditLog::open(folder));
    const std::array entry{AuditEntry{server::accounts::milliseconds_of(now()), key.id, "", "CLI",
                                      std::move(command), "", 0, ""}};
    return log.append(entry);
  };
  if (const Result<void> done = append(); !done) {
    console.note(fmt::format("the audit log does not have this: {}", done.error().message()));
  }
}

std::string_view state_of(const KeyRecord& key) {
  if (key.revoked) return "revoked";
  return key.is_usable(now()) ? "usable" : "expired";
}

ordered_json json_of(const KeyRecord& key) {
  const auto number = [](const std::optional<int64_t>& limit) {
    return limit ? ordered_json(*limit) : ordered_json();
  };
  ordered_json object;
  object["id"] = "hk_" + key.id;
  object["name"] = key.name;
  object["state"] = state_of(key);
  object["scopes"] = ordered_json::array();
  for (const auto scope :
       {server::http::Scope::kInference, server::http::Scope::kManage, server::http::Scope::kAdmin}) {
    if (key.scopes.has(scope)) object["scopes"].push_back(server::http::scope_name(scope));
  }
  object["created"] = format_time(key.created);
  object["expires"] = json_time(key.expires);
  object["revoked"] = json_time(key.revoked);
  object["requests_per_minute"] = number(key.limits.requests_per_minute);
  object["tokens_per_day"] = number(key.limits.tokens_per_day);
  object["concurrent_requests"] = number(key.limits.concurrent_requests);
  return object;
}

std::string limits_text(const KeyLimits& limits) {
  std::vector<std::string> parts;
  if (limits.requests_per_minute)
    parts.push_back(fmt::format("{} requests/min", *limits.requests_per_minute));
  if (limits.tokens_per_day) parts.push_back(fmt::format("{} tokens/day", *limits.tokens_per_day));
  if (limits.concurrent_requests) parts.push_back(fmt::format("{} at a time", *limits.concurrent_requests));
  return fmt::format("{}", fmt::join(parts, ", "));
}

Result<void> create_key(const NewKeyOptions& options, const Context& context) {
  server::accounts::NewKey wish;
  wish.name = options.name;
  auto scopes = Scopes::parse(options.scopes);
  if (!scopes) return make_error(ErrorCode::kUsage, "--scope: {}", scopes.error().message());
  wish.scopes = *scopes;
  if (!options.expires.empty()) {
    HEARTH_ASSIGN(wish.expires, parse_expiry(options.expires));
  }
  wish.limits = {limit_of(options.requests_per_minute), limit_of(options.tokens_per_day),
                 limit_of(options.concurrent_requests)};
  HEARTH_ASSIGN(KeyStore keys, open_keys());
  HEARTH_ASSIGN(const bool had_any, keys.has_any());
  HEARTH_ASSIGN(const CreatedKey created, keys.create(wish, now()));
  note_in_audit_log(context.console, "key create", created.record);
  if (!had_any)
    context.console.note("This is the first key: from now on the server wants one for every request.");
  context.console.note("Keep it now: it is not shown again. Clients send it as 'Authorization: Bearer KEY'.");
  if (!options.json) return write_output(created.token + "\n");
  ordered_json object = json_of(created.record);
  object["key"] = created.token;
  return write_json(object);
}

Result<void> list(bool as_json) {
  HEARTH_ASSIGN(KeyStore keys, open_keys());
  HEARTH_ASSIGN(const std::vector<KeyRecord> records, keys.list());
  if (as_json) {
    ordered_json object{{"keys", ordered_json::array()}};
    for (const KeyRecord& key : records) object["keys"].push_back(json_of(key));
    return write_json(object);
  }
  std::string out = fmt::format("{:<15}  {:<20}  {:<8}  {:<22}  {:<10}  {:<10}  {}\n", "ID", "NAME", "STATE",
                                "SCOPES", "CREATED", "EXPIRES", "LIMITS");
  for (const KeyRecord& key : records) {
    const std::string expires = key.expires ? format_time(*key.expires).substr(0, 10) : "never";
    out += fmt::format("hk_{:<12}  {:<20}  {:<8}  {:<22}  {:<10}  {:<10}  {}\n", key.id,
                       escape_line(key.name), state_of(key), key.scopes.names(),
                       format_time(key.created).substr(0, 10), expires, limits_text(key.limits));
  }
  return write_output(out);
}

Result<void> revoke(const IdOptions& options, const Context& context) {
  HEARTH_ASSIGN(KeyStore keys, open_keys());
  HEARTH_ASSIGN(const KeyRecord key, keys.revoke(options.id, now()));
  note_in_audit_log(context.console, "key revoke", key);
  if (options.json) return write_json(json_of(key));
  context.console.note(fmt::format("The key hk_{} ({}) is no longer valid.", key.id, escape_line(key.name)));
  return {};
}

Result<void> usage(const IdOptions& options) {
  HEARTH_ASSIGN(KeyStore keys, open_keys());
  HEARTH_ASSIGN(const std::vector<DailyUsage> days,
                keys.usage(options.id.empty() ? std::nullopt : std::optional(options.id)));
  HEARTH_ASSIGN(const std::vector<KeyRecord> records, keys.list());
  const auto name_of = [&records](const std::string& id) {
    const auto key = std::ranges::find(records, id, &KeyRecord::id);
    return key == records.end() ? std::string() : key->name;
  };
  if (options.json) {
    ordered_json object{{"usage", ordered_json::array()}};
    for (const DailyUsage& day : days) {
      object["usage"].push_back({{"date", format_day(day.day)},
                                 {"id", "hk_" + day.key_id},
                                 {"name", name_of(day.key_id)},
                                 {"requests", day.n_requests},
                                 {"prompt_tokens", day.n_prompt_tokens},
                                 {"generated_tokens", day.n_generated_tokens}});
    }
    return write_json(object);
  }
  std::string out = fmt::format("{:<10}  {:<15}  {:<20}  {:>10}  {:>14}  {:>14}\n", "DAY (UTC)", "ID", "NAME",
                                "REQUESTS", "PROMPT TOKENS", "GENERATED");
  for (const DailyUsage& day : days) {
    out += fmt::format("{:<10}  hk_{:<12}  {:<20}  {:>10}  {:>14}  {:>14}\n", format_day(day.day), day.key_id,
                       escape_line(name_of(day.key_id)), group_digits(static_cast<uint64_t>(day.n_requests)),
                       group_digits(static_cast<uint64_t>(day.n_prompt_tokens)),
                       group_digits(static_cast<uint64_t>(day.n_generated_tokens)));
  }
  return write_output(out);
}

constexpr const char* kKeyExamples =
    R"(The key is written to stdout and kept only as a hash. A server that runs sees changes at once. Once a key was made, the
server wants one for every request, also on loopback and also after the last one is revoked.

Scopes: inference (generate, embed, list models), manage (change what models there are), admin (metrics, everything
else that concerns all). None contains another.

Examples:
  hearth key create laptop
  hearth key create ci --scope inference,manage --expires 90d --tokens-per-day 1000000
  hearth key revoke hk_0123456789ab)";

void add_key_create_command(CLI::App& parser, Action& action) {
  auto options = std::make_shared<NewKeyOptions>();
  CLI::App* command = parser.add_subcommand("create", "Make a key, and print it once");
  command->add_option("NAME", options->name, "what the key is called in lists and logs")
      ->required()
      ->type_name("");
  command
      ->add_option("--scope", options->scopes,
                   "inference, manage, admin, with commas between (default: inference)")
      ->type_name("SCOPES");
  command->add_option("--expires", options->expires, "after this time: 30m, 12h, 90d, 4w (default: never)")
      ->type_name("TIME");
  add_count_option(*command, "--requests-per-minute", options->requests_per_minute, 1, kMostPerLimit,
                   "more are answered with 429 (default: no limit)");
  add_count_option(*command, "--tokens-per-day", options->tokens_per_day, 1, kMostPerLimit,
                   "of prompts and answers, from midnight UTC (default: no limit)");
  add_count_option(*command, "--concurrent-requests", options->concurrent_requests, 1, kMostPerLimit,
                   "at a time (default: no limit)");
  command->add_flag("--json", options->json, "print one JSON object, with the key as \"key\"");
  command->callback([options, &action] {
    action = [options](const Context& context) { return create_key(*options, context); };
  });
}

void add_id_command(CLI::App& parser, Action& action, const char* name, const char* description,
                    bool required, Result<void> (*run)(const IdOptions&, const Context&)) {
  auto options = std::make_shared<IdOptions>();
  CLI::App* command = parser.add_subcommand(name, description);
  command->add_option("ID", options->id, "a key's id, as hearth key list shows it")
      ->required(required)
      ->type_name("");
  command->add_flag("--json", options->json, "print one JSON object");
  command->callback([options, run, &action] {
    action = [options, run](const Context& context) { return run(*options, context); };
  });
}

}  // namespace

void add_key_command(CLI::App& parser, Action& action) {
  CLI::App* command = parser.add_subcommand("key", "Make, list and revoke API keys of the server");
  command->require_subcommand(1);
  command->footer(kKeyExamples);
  add_key_create_command(*command, action);
  auto json = std::make_shared<bool>(false);
  CLI::App* list_command = command->add_subcommand("list", "Show all keys, without their secrets");
  list_command->add_flag("--json", *json, "print one JSON object");
  list_command->callback([json, &action] { action = [json](const Context&) { return list(*json); }; });
  add_id_command(*command, action, "revoke", "End a key for good", true, revoke);
  add_id_command(*command, action, "usage", "Show what a key, or each, was used for by day", false,
                 [](const IdOptions& options, const Context&) { return usage(options); });
  for (CLI::App* nested : command->get_subcommands([](CLI::App*) { return true; })) nested->fallthrough();
}

}  // namespace hearth::cli
