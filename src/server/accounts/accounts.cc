#include "server/accounts/accounts.h"

#include "server/accounts/folder.h"

namespace hearth::server::accounts {
namespace {

constexpr int kUnauthorised = 401;
constexpr int kForbidden = 403;
constexpr int kTooMany = 429;
constexpr int kCannotTell = 503;
constexpr int64_t kRetrySeconds = 5;

}  // namespace

Result<bool> has_usable_key(const std::filesystem::path& folder) {
  HEARTH_TRY(make_private_folder(folder));
  HEARTH_ASSIGN(KeyStore keys, KeyStore::open(keys_path(folder)));
  return keys.has_usable(std::chrono::system_clock::now());
}

Result<std::unique_ptr<Accounts>> Accounts::open(const std::filesystem::path& folder,
                                                 const Options& options) {
  HEARTH_TRY(make_private_folder(folder));
  HEARTH_ASSIGN(KeyStore keys, KeyStore::open(keys_path(folder)));
  HEARTH_ASSIGN(KeyStore usage, KeyStore::open(keys_path(folder)));
  std::optional<AuditLog> audit;
  std::optional<std::string> problem;
  if (options.audit) {
    HEARTH_ASSIGN(AuditLog log, AuditLog::open(folder));
    if (const Result<void> whole = log.check_end(); !whole) problem = whole.error().message();
    audit.emplace(std::move(log));
  }
  auto recorder = std::make_unique<Recorder>(std::move(usage), std::move(audit), options.recorder);
  return std::unique_ptr<Accounts>(
      new Accounts(options, std::move(keys), std::move(recorder), std::move(problem)));
}

Decision Accounts::authenticate(std::optional<std::string_view> token, http::Scope scope, const Moment& now,
                                bool is_owner) {
  auto decision = decide(token, scope, now, is_owner);
  if (decision) return std::move(*decision);
  // The reason has paths in it, and is not the client's business.
  return Refusal{kCannotTell, "the keys cannot be read now", kRetrySeconds};
}

Result<Decision> Accounts::decide(std::optional<std::string_view> token, http::Scope scope, const Moment& now,
                                  bool is_owner) {
  if (scope == http::Scope::kPublic) return Decision(http::Identity{});
  if (!token) return decide_without_key(scope, is_owner);
  HEARTH_ASSIGN(const std::optional<KeyRecord> key, keys_.find(*token));
  if (!key) {
    // Clients of local servers are often made to send some word: where nobody needs a key, it is no matter.
    HEARTH_ASSIGN(Decision open, decide_without_key(scope, is_owner));
    if (std::holds_alternative<http::Identity>(open)) return open;
    return Decision(Refusal{kUnauthorised, "no such API key", std::nullopt});
  }
  if (key->revoked) return Decision(Refusal{kUnauthorised, "this API key was revoked", std::nullopt});
  if (!key->is_usable(now.wall))
    return Decision(Refusal{kUnauthorised, "this API key has expired", std::nullopt});
  if (!key->scopes.has(scope)) {
    return Decision(Refusal{kForbidden,
                            fmt::format("this API key may not do that: it needs the scope {}, and has {}",
                                        http::scope_name(scope), key->scopes.names()),
                            std::nullopt});
  }
  HEARTH_ASSIGN(std::optional<Refusal> refusal, admit(*key, now));
  if (refusal) return Decision(std::move(*refusal));
  return Decision(http::Identity{key->id, key->name});
}

Result<Decision> Accounts::decide_without_key(http::Scope scope, bool is_owner) {
  if (is_owner && (scope == http::Scope::kInference || scope == http::Scope::kManage))
    return Decision(http::Identity{});
  HEARTH_ASSIGN(const bool has_keys, keys_.has_any());
  if (scope == http::Scope::kInference && !options_.require_key && !has_keys)
    return Decision(http::Identity{});
  return Decision(
      Refusal{kUnauthorised,
              fmt::format("this needs an API key with the scope {0} (on the server: hearth key create "
                          "NAME --scope {0})",
                          http::scope_name(scope)),
              std::nullopt});
}

Result<std::optional<Refusal>> Accounts::admit(const KeyRecord& key, const Moment& now) {
  if (key.limits.tokens_per_day && !limits_.knows_day(key.id, now)) {
    HEARTH_ASSIGN(const DailyUsage usage, keys_.usage_of_day(key.id, day_of(now.wall)));
    limits_.set_day(key.id, usage.n_tokens(), now);
  }
  std::optional<LimitRefusal> refusal = limits_.admit(key, now);
  if (refusal) return std::optional(Refusal{kTooMany, std::move(refusal->message), refusal->retry_after_s});
  recorder_->add_usage({key.id, day_of(now.wall), 1, 0, 0});
  return std::optional<Refusal>();
}

void Accounts::end(const http::Identity& identity) {
  if (!identity.key_id.empty()) limits_.release(identity.key_id);
}

void Accounts::add_tokens(const std::string& key_id, int64_t n_prompt, int64_t n_generated,
                          const Moment& now) {
  if (key_id.empty()) return;
  limits_.add_tokens(key_id, n_prompt + n_generated, now);
  recorder_->add_usage({key_id, day_of(now.wall), 0, n_prompt, n_generated});
}

void Accounts::record(const FinishedRequest& request, WallTime now) {
  recorder_->add_audit({milliseconds_of(now), request.identity.key_id, request.peer,
                        std::string(http::method_name(request.method)), request.route, request.model,
                        request.status, request.request_id});
}

std::optional<std::string> Accounts::problem() const {
  if (audit_problem_) return audit_problem_;
  const std::optional<Error> unwritten = recorder_->problem();
  return unwritten ? std::optional(unwritten->message()) : std::nullopt;
}

}  // namespace hearth::server::accounts
