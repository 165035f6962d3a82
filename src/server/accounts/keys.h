// API keys: what they are, and where they are kept.
//
// A key is "hk_" ID "_" SECRET: 12 hex digits that are public and name it, 64 that are 256 random bits. It is
// shown once; what is kept is the SHA-256 of the whole. Nothing slower is needed for a secret that nobody can
// guess.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "server/accounts/database.h"
#include "server/http/router.h"

namespace hearth::server::accounts {

using WallTime = std::chrono::system_clock::time_point;

// What a key may be used for. No scope contains another: admin alone may not generate.
class Scopes {
 public:
  Scopes() = default;
  Scopes(std::initializer_list<http::Scope> scopes);

  // "inference,manage": kInvalidArgument names what is unknown. Any order.
  static Result<Scopes> parse(std::string_view names);

  bool has(http::Scope scope) const noexcept;
  void add(http::Scope scope) noexcept;
  std::string names() const;  // "inference,manage"
  bool operator==(const Scopes&) const = default;

 private:
  unsigned bits_ = 0;
};

// Nothing: no limit.
struct KeyLimits {
  std::optional<int64_t> requests_per_minute = {};
  std::optional<int64_t> tokens_per_day = {};  // of prompts and answers together; days are UTC's
  std::optional<int64_t> concurrent_requests = {};
};

struct KeyRecord {
  std::string id;
  std::string name;
  Scopes scopes;
  WallTime created;
  std::optional<WallTime> expires;
  std::optional<WallTime> revoked;
  KeyLimits limits;

  bool is_usable(WallTime now) const { return !revoked && (!expires || now < *expires); }
};

struct NewKey {
  std::string name;  // 1 to 64 bytes of printable text; no other key that is not revoked has it
  Scopes scopes;
  std::optional<WallTime> expires = {};
  KeyLimits limits = {};
};

struct CreatedKey {
  KeyRecord record;
  std::string token;  // the key itself, for the first and last time
};

// What a key was used for on one day.
struct DailyUsage {
  std::string key_id;
  int64_t day = 0;  // since 1 January 1970, UTC
  int64_t n_requests = 0;
  int64_t n_prompt_tokens = 0;
  int64_t n_generated_tokens = 0;

  int64_t n_tokens() const noexcept { return n_prompt_tokens + n_generated_tokens; }
};

int64_t day_of(WallTime time);
int64_t milliseconds_of(WallTime time);  // since 1970

// The tables of keys and usage in one file. For one thread at a time; changes are seen at once by every other
// KeyStore of the same file, also in other processes.
class KeyStore {
 public:
  static Result<KeyStore> open(const std::filesystem::path& path);

  // kInvalidArgument: no or a bad name, a name that is taken, no scope, a limit below 1, an end in the past.
  Result<CreatedKey> create(const NewKey& wish, WallTime now);
  // In the order of their making; the revoked ones too.
  Result<std::vector<KeyRecord>> list();
  // kNotFound. `id` with or without "hk_". Of one that is revoked already: when that was stays.
  Result<KeyRecord> revoke(std::string_view id, WallTime now);

  // The key that `token` is, if there is one, whether usable or not: is_usable() tells.
  Result<std::optional<KeyRecord>> find(std::string_view token);
  // Whether a key was ever made.
  Result<bool> has_any();
  Result<bool> has_usable(WallTime now);

  // Adds to what is there. Of keys that do not exist: nothing.
  Result<void> add_usage(const std::vector<DailyUsage>& usage);
  // Of one key, or of all; the last day first.
  Result<std::vector<DailyUsage>> usage(const std::optional<std::string>& key_id);
  Result<DailyUsage> usage_of_day(std::string_view key_id, int64_t day);

 private:
  KeyStore(Database database, Statement find, Statement has_any, Statement day)
      : database_(std::move(database)),
        find_(std::move(find)),
        has_any_(std::move(has_any)),
        day_(std::move(day)) {}

  Database database_;
  // What every request asks for.
  Statement find_;
  Statement has_any_;
  Statement day_;
};

}  // namespace hearth::server::accounts
