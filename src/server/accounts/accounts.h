// Who may ask for what, and what they asked for: keys, limits, usage and the audit log of a server.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/result.h"
#include "server/accounts/limits.h"
#include "server/accounts/recorder.h"
#include "server/http/request.h"
#include "server/http/router.h"

namespace hearth::server::accounts {

// Why a request is not served: for error_response() and Retry-After.
struct Refusal {
  int status = 401;  // 401, 403, 429; 503 where the keys cannot be read
  std::string message;
  std::optional<int64_t> retry_after_s = {};
};

using Decision = std::variant<http::Identity, Refusal>;

// A request that has ended, for the audit log.
struct FinishedRequest {
  http::Identity identity;  // empty for one that was refused
  std::string peer;
  http::Method method = http::Method::kGet;
  std::string route;  // the pattern; empty where none matched
  std::string model;  // that exists; else empty
  int status = 0;
  std::string request_id;
};

// Whether somebody could come in with a key, for Exposure. `folder` is made where there is none.
Result<bool> has_usable_key(const std::filesystem::path& folder);

// For the thread of the front. It reads the database on every request, out of the page
// cache, so that a key that is revoked by another process ends at once; it never writes on that thread.
class Accounts {
 public:
  struct Options {
    // Requests without a key: where it is false, and no key was ever made, generating is free to all.
    bool require_key = false;
    bool audit = true;
    Recorder::Options recorder = {};
  };

  // `folder` is made private. kMalformed: a file in it is damaged.
  static Result<std::unique_ptr<Accounts>> open(const std::filesystem::path& folder, const Options& options);

  // `token`: what stood behind "Bearer " or in x-api-key. `is_owner`: it is known to be a program of the user
  // whose server this is, who may do without a key what needs the scopes inference and manage. Every Identity
  // that has a key_id is admitted to its key's limits and must be given to end().
  Decision authenticate(std::optional<std::string_view> token, http::Scope scope,
                        const Moment& now = Moment::now(), bool is_owner = false);
  // An admitted request has ended, however it did.
  void end(const http::Identity& identity);

  // The tokens of a request, when they are known: against the day's limit, and for `hearth key usage`.
  void add_tokens(const std::string& key_id, int64_t n_prompt, int64_t n_generated,
                  const Moment& now = Moment::now());
  void record(const FinishedRequest& request, WallTime now = std::chrono::system_clock::now());

  // What is wrong with what is kept, for the person who runs the server: the audit log was changed, the disk
  // is full. Nothing: all is well.
  std::optional<std::string> problem() const;
  // Waits until all that was recorded is on the disk.
  void flush() { recorder_->flush(); }

 private:
  Accounts(const Options& options, KeyStore keys, std::unique_ptr<Recorder> recorder,
           std::optional<std::string> audit_problem)
      : options_(options),
        keys_(std::move(keys)),
        recorder_(std::move(recorder)),
        audit_problem_(std::move(audit_problem)) {}

  Result<Decision> decide(std::optional<std::string_view> token, http::Scope scope, const Moment& now,
                          bool is_owner);
  Result<Decision> decide_without_key(http::Scope scope, bool is_owner);
  Result<std::optional<Refusal>> admit(const KeyRecord& key, const Moment& now);

  const Options options_;
  KeyStore keys_;
  LimitCounters limits_;
  std::unique_ptr<Recorder> recorder_;
  std::optional<std::string> audit_problem_;
};

}  // namespace hearth::server::accounts
