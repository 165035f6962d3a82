// Pulls from a TinyRegistry into a store of its own.
#pragma once

#include "store/registry/tiny_registry_fixture.h"
#include "store/registry/transfer.h"
#include "store/store_fixture.h"

namespace hearth::store::registry {

class TransferTest : public ::testing::Test {
 protected:
  TransferTest() {
    options_.insecure = true;
    options_.plain_http = true;
    options_.part_bytes = 65536;
    options_.max_tries = 3;
    options_.first_pause = std::chrono::milliseconds(1);
    options_.transport.stall_timeout = std::chrono::seconds(1);
  }

  ModelName name() const { return *ModelName::parse(registry_.host() + "/library/tiny"); }
  std::unique_ptr<Session> session(Session::Action action = Session::Action::kPull) {
    return *Session::create(name(), action, options_);
  }
  TransferEvents events() {
    return {.on_bytes = [this](const Layer& layer, uint64_t n) { completed_[layer.digest.text()] = n; },
            .on_verify = [](const Layer&, uint64_t) {}};
  }
  Result<Pulled> pull_tiny() { return pull(*session(), *store_, events()); }

  // That it fails with this code, and a message with these parts; and that nothing came of it.
  void expect_refused(ErrorCode code, const std::vector<std::string>& parts) {
    const auto pulled = pull_tiny();
    ASSERT_FALSE(pulled);
    const std::string& message = pulled.error().message();
    EXPECT_EQ(error_traits(pulled.error().code()).name, std::string(error_traits(code).name)) << message;
    for (const std::string& part : parts)
      EXPECT_NE(message.find(part), std::string::npos) << part << " in: " << message;
    EXPECT_NE(message.find("127.0.0.1"), std::string::npos) << message;
    EXPECT_EQ(store_.count_files("manifests"), 0U);
    // A config may have come before what was wrong; whatever is there is what it should be.
    EXPECT_LE(store_.count_files("blobs"), 1U);
    EXPECT_EQ(store_.count_files("hearth/incoming"), 0U);
  }

  TinyRegistry registry_;
  TestStore store_;
  RegistryOptions options_;
  std::map<std::string, uint64_t> completed_;
};

// As an intercept: answers what has `part` in its target so.
inline TinyRegistry::Intercept only(std::string part,
                                    std::function<std::optional<TinyReply>(const TinyRequest&)> answer) {
  return [part = std::move(part),
          answer = std::move(answer)](const TinyRequest& request) -> std::optional<TinyReply> {
    return request.target.find(part) == std::string::npos ? std::nullopt : answer(request);
  };
}

}  // namespace hearth::store::registry
