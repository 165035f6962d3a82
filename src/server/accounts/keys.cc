#include "server/accounts/keys.h"

#include <algorithm>
#include <array>

#include "base/excerpt.h"
#include "base/utf8.h"
#include "server/accounts/secret.h"

namespace hearth::server::accounts {
namespace {

using std::chrono::milliseconds;

constexpr std::string_view kKeyPrefix = "hk_";
constexpr size_t kIdDigits = 12;
constexpr size_t kSecretDigits = 64;
constexpr size_t kMaxNameBytes = 64;
constexpr std::array kGrantable{http::Scope::kInference, http::Scope::kManage, http::Scope::kAdmin};

constexpr int64_t kKeysVersion = 1;
constexpr std::string_view kKeysSchema = R"(
CREATE TABLE keys(
  id TEXT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL,
  token_sha256 BLOB NOT NULL,
  scopes TEXT NOT NULL,
  created_ms INTEGER NOT NULL,
  expires_ms INTEGER,
  revoked_ms INTEGER,
  requests_per_minute INTEGER,
  tokens_per_day INTEGER,
  concurrent_requests INTEGER
) STRICT;
CREATE UNIQUE INDEX names_in_use ON keys(name) WHERE revoked_ms IS NULL;
CREATE TABLE usage(
  key_id TEXT NOT NULL REFERENCES keys(id),
  day INTEGER NOT NULL,
  requests INTEGER NOT NULL,
  prompt_tokens INTEGER NOT NULL,
  generated_tokens INTEGER NOT NULL,
  PRIMARY KEY(key_id, day)
) STRICT, WITHOUT ROWID;
)";

constexpr std::string_view kColumns =
    "id, name, scopes, created_ms, expires_ms, revoked_ms, requests_per_minute, tokens_per_day, "
    "concurrent_requests, token_sha256";
constexpr int kDigestColumn = 9;

std::optional<int64_t> milliseconds_if_any(const std::optional<WallTime>& time) {
  return time ? std::optional(milliseconds_of(*time)) : std::nullopt;
}
WallTime time_of(int64_t since_1970_ms) {
  return WallTime(milliseconds(since_1970_ms));
}
std::optional<WallTime> time_of(const std::optional<int64_t>& since_1970_ms) {
  return since_1970_ms ? std::optional(time_of(*since_1970_ms)) : std::nullopt;
}

Result<KeyRecord> record_of(const Statement& row, const std::string& file) {
  KeyRecord record;
  record.id = row.text(0);
  record.name = row.text(1);
  auto scopes = Scopes::parse(row.text(2));
  if (!scopes)
    return make_error(ErrorCode::kMalformed, "{}: key {}: {}", file, record.id, scopes.error().message());
  record.scopes = *scopes;
  record.created = time_of(row.integer(3));
  record.expires = time_of(row.optional_integer(4));
  record.revoked = time_of(row.optional_integer(5));
  record.limits = {row.optional_integer(6), row.optional_integer(7), row.optional_integer(8)};
  return record;
}

DailyUsage usage_of(const Statement& row) {
  return {row.text(0), row.integer(1), row.integer(2), row.integer(3), row.integer(4)};
}

Result<void> check_name(std::string_view name) {
  const bool printable = sanitize_utf8(name) == name && std::ranges::all_of(name, [](char c) {
                           return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f;
                         });
  if (!name.empty() && name.size() <= kMaxNameBytes && printable) return {};
  return make_error(ErrorCode::kInvalidArgument,
                    "the key's name: expected 1 to {} bytes of printable text, found {}", kMaxNameBytes,
                    quoted_excerpt(name));
}

Result<void> check_limit(std::string_view what, const std::optional<int64_t>& limit) {
  if (!limit || *limit >= 1) return {};
  return make_error(ErrorCode::kInvalidArgument, "{}: expected at least 1, found {}", what, *limit);
}

Result<void> check(const NewKey& wish, WallTime now) {
  HEARTH_TRY(check_name(wish.name));
  if (wish.scopes == Scopes()) {
    return Error(ErrorCode::kInvalidArgument,
                 "the key's scopes: expected at least one of inference, manage, admin");
  }
  if (wish.expires && *wish.expires <= now) {
    return Error(ErrorCode::kInvalidArgument, "the key's end: expected a time to come");
  }
  HEARTH_TRY(check_limit("requests per minute", wish.limits.requests_per_minute));
  HEARTH_TRY(check_limit("tokens per day", wish.limits.tokens_per_day));
  return check_limit("concurrent requests", wish.limits.concurrent_requests);
}

// The id in a token, empty where it is none.
std::string_view id_of_token(std::string_view token) {
  if (token.size() != kKeyPrefix.size() + kIdDigits + 1 + kSecretDigits || !token.starts_with(kKeyPrefix))
    return {};
  const std::string_view id = token.substr(kKeyPrefix.size(), kIdDigits);
  const bool well_formed = is_hex(id, kIdDigits) && token[kKeyPrefix.size() + kIdDigits] == '_' &&
                           is_hex(token.substr(token.size() - kSecretDigits), kSecretDigits);
  return well_formed ? id : std::string_view();
}

std::string_view without_prefix(std::string_view id) {
  if (id.starts_with(kKeyPrefix)) id.remove_prefix(kKeyPrefix.size());
  return id;
}

}  // namespace

Scopes::Scopes(std::initializer_list<http::Scope> scopes) {
  for (const http::Scope scope : scopes) add(scope);
}

Result<Scopes> Scopes::parse(std::string_view names) {
  Scopes scopes;
  while (!names.empty()) {
    const size_t comma = std::min(names.find(','), names.size());
    const std::string_view name = names.substr(0, comma);
    names.remove_prefix(std::min(comma + 1, names.size()));
    const auto scope = std::ranges::find(kGrantable, name, http::scope_name);
    if (scope == kGrantable.end()) {
      return make_error(ErrorCode::kInvalidArgument, "scope {}: expected inference, manage or admin",
                        quoted_excerpt(name));
    }
    scopes.add(*scope);
  }
  return scopes;
}

bool Scopes::has(http::Scope scope) const noexcept {
  return scope == http::Scope::kPublic || (bits_ & (1U << static_cast<unsigned>(scope))) != 0;
}

void Scopes::add(http::Scope scope) noexcept {
  bits_ |= 1U << static_cast<unsigned>(scope);
}

std::string Scopes::names() const {
  std::string names;
  for (const http::Scope scope : kGrantable) {
    if (!has(scope)) continue;
    if (!names.empty()) names += ',';
    names += http::scope_name(scope);
  }
  return names;
}

int64_t day_of(WallTime time) {
  return std::chrono::floor<std::chrono::days>(time).time_since_epoch().count();
}

int64_t milliseconds_of(WallTime time) {
  return std::chrono::duration_cast<milliseconds>(time.time_since_epoch()).count();
}

Result<KeyStore> KeyStore::open(const std::filesystem::path& path) {
  HEARTH_ASSIGN(Database database, Database::open(path));
  HEARTH_TRY(database.ensure_schema(kKeysSchema, kKeysVersion));
  HEARTH_ASSIGN(Statement find, database.prepare(fmt::format("SELECT {} FROM keys WHERE id = ?", kColumns)));
  HEARTH_ASSIGN(Statement has_any, database.prepare("SELECT EXISTS(SELECT 1 FROM keys)"));
  HEARTH_ASSIGN(Statement day, database.prepare("SELECT * FROM usage WHERE key_id = ? AND day = ?"));
  return KeyStore(std::move(database), std::move(find), std::move(has_any), std::move(day));
}

Result<CreatedKey> KeyStore::create(const NewKey& wish, WallTime now) {
  HEARTH_TRY(check(wish, now));
  HEARTH_ASSIGN(const std::string id, random_hex(kIdDigits / 2));
  HEARTH_ASSIGN(const std::string secret, random_hex(kSecretDigits / 2));
  std::string token = fmt::format("{}{}_{}", kKeyPrefix, id, secret);

  HEARTH_ASSIGN(Transaction transaction, Transaction::begin(database_));
  HEARTH_ASSIGN(Statement same,
                database_.prepare("SELECT id FROM keys WHERE name = ? AND revoked_ms IS NULL"));
  HEARTH_ASSIGN(const bool taken, same.bind(1, wish.name).step());
  if (taken) {
    return make_error(ErrorCode::kInvalidArgument,
                      "a key named {} exists already ({}{}): revoke it, or take another name",
                      quoted_excerpt(wish.name), kKeyPrefix, same.text(0));
  }
  HEARTH_ASSIGN(Statement insert,
                database_.prepare("INSERT INTO keys(id, name, token_sha256, scopes, created_ms, "
                                  "expires_ms, requests_per_minute, tokens_per_day, "
                                  "concurrent_requests) VALUES (?,?,?,?,?,?,?,?,?)"));
  HEARTH_TRY(insert.bind(1, id)
                 .bind(2, wish.name)
                 .bind_blob(3, view(sha256(token)))
                 .bind(4, wish.scopes.names())
                 .bind(5, milliseconds_of(now))
                 .bind(6, milliseconds_if_any(wish.expires))
                 .bind(7, wish.limits.requests_per_minute)
                 .bind(8, wish.limits.tokens_per_day)
                 .bind(9, wish.limits.concurrent_requests)
                 .run());
  HEARTH_TRY(transaction.commit());
  KeyRecord record{id, wish.name, wish.scopes, now, wish.expires, std::nullopt, wish.limits};
  return CreatedKey{std::move(record), std::move(token)};
}

Result<std::vector<KeyRecord>> KeyStore::list() {
  std::vector<KeyRecord> keys;
  HEARTH_ASSIGN(Statement rows,
                database_.prepare(fmt::format("SELECT {} FROM keys ORDER BY created_ms, id", kColumns)));
  while (true) {
    HEARTH_ASSIGN(const bool row, rows.step());
    if (!row) return keys;
    HEARTH_ASSIGN(KeyRecord record, record_of(rows, database_.name()));
    keys.push_back(std::move(record));
  }
}

Result<KeyRecord> KeyStore::revoke(std::string_view id, WallTime now) {
  HEARTH_ASSIGN(
      Statement update,
      database_.prepare(fmt::format(
          "UPDATE keys SET revoked_ms = coalesce(revoked_ms, ?) WHERE id = ? RETURNING {}", kColumns)));
  HEARTH_ASSIGN(const bool found, update.bind(1, milliseconds_of(now)).bind(2, without_prefix(id)).step());
  if (!found) {
    return make_error(ErrorCode::kNotFound, "no key has the id {} (hearth key list shows them)",
                      quoted_excerpt(id));
  }
  auto record = record_of(update, database_.name());
  HEARTH_TRY(update.run());
  return record;
}

Result<std::optional<KeyRecord>> KeyStore::find(std::string_view token) {
  // Hashed whether there is such an id or not: both take the same time.
  const Digest digest = sha256(token);
  const std::string_view id = id_of_token(token);
  HEARTH_ASSIGN(const bool found, find_.bind(1, id).step());
  const std::string kept = found ? find_.text(kDigestColumn) : std::string(digest.size(), '\0');
  const bool same = equal_in_constant_time(kept, view(digest));
  if (!found || !same || id.empty()) {
    find_.reset();
    return std::optional<KeyRecord>();
  }
  auto record = record_of(find_, database_.name());
  find_.reset();
  if (!record) return record.error();
  return std::optional(std::move(*record));
}

Result<bool> KeyStore::has_any() {
  HEARTH_TRY(has_any_.step());
  const bool any = has_any_.integer(0) != 0;
  has_any_.reset();
  return any;
}

Result<bool> KeyStore::has_usable(WallTime now) {
  HEARTH_ASSIGN(const std::vector<KeyRecord> keys, list());
  return std::ranges::any_of(keys, [now](const KeyRecord& key) { return key.is_usable(now); });
}

Result<void> KeyStore::add_usage(const std::vector<DailyUsage>& usage) {
  if (usage.empty()) return {};
  HEARTH_ASSIGN(Transaction transaction, Transaction::begin(database_));
  HEARTH_ASSIGN(Statement add,
                database_.prepare("INSERT INTO usage SELECT id, ?2, ?3, ?4, ?5 FROM keys WHERE id = ?1 "
                                  "ON CONFLICT DO UPDATE SET requests = requests + excluded.requests, "
                                  "prompt_tokens = prompt_tokens + excluded.prompt_tokens, "
                                  "generated_tokens = generated_tokens + excluded.generated_tokens"));
  for (const DailyUsage& day : usage) {
    HEARTH_TRY(add.bind(1, day.key_id)
                   .bind(2, day.day)
                   .bind(3, day.n_requests)
                   .bind(4, day.n_prompt_tokens)
                   .bind(5, day.n_generated_tokens)
                   .run());
  }
  return transaction.commit();
}

Result<std::vector<DailyUsage>> KeyStore::usage(const std::optional<std::string>& key_id) {
  std::vector<DailyUsage> days;
  HEARTH_ASSIGN(Statement rows, database_.prepare("SELECT * FROM usage WHERE ?1 IS NULL OR key_id = ?1 "
                                                  "ORDER BY day DESC, key_id"));
  if (key_id) rows.bind(1, without_prefix(*key_id));
  while (true) {
    HEARTH_ASSIGN(const bool row, rows.step());
    if (!row) return days;
    days.push_back(usage_of(rows));
  }
}

Result<DailyUsage> KeyStore::usage_of_day(std::string_view key_id, int64_t day) {
  HEARTH_ASSIGN(const bool found, day_.bind(1, key_id).bind(2, day).step());
  DailyUsage usage{std::string(key_id), day, 0, 0, 0};
  if (found) usage = usage_of(day_);
  day_.reset();
  return usage;
}

}  // namespace hearth::server::accounts
