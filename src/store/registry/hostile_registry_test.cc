// Registries that mean harm: each is refused with what it did, and the store is as before.
#include "store/registry/transfer_fixture.h"

namespace hearth::store::registry {
namespace {

using HostileRegistry = TransferTest;

TinyReply redirection(std::string to) {
  return {.status = 307, .headers = {{"Location", std::move(to)}}};
}

// --- Contents
// -------------------------------------------------------------------------------------------------------

TEST_F(HostileRegistry, ContentOfAnotherDigest_IsDiscarded) {
  const std::string weights = noise(200'000);
  registry_.add_model({weights});
  registry_.intercept(
      only(Digest::of(weights).text(), [&](const TinyRequest& request) -> std::optional<TinyReply> {
        const size_t begin = std::strtoull(request.header("range").c_str() + 6, nullptr, 10);
        const size_t end = std::min<size_t>(begin + 65536, weights.size());
        return TinyReply{
            .status = 206,
            .headers = {{"Content-Range", fmt::format("bytes {}-{}/{}", begin, end - 1, weights.size())}},
            .body = std::string(end - begin, 'x')};
      }));
  expect_refused(ErrorCode::kMalformed, {"digest mismatch", Digest::of(weights).text()});
  EXPECT_EQ(store_.count_files("hearth/partial"), 0U);
}

TEST_F(HostileRegistry, BodiesOfAnotherLength_AreRefused) {
  const std::string weights = noise(50'000);
  registry_.add_model({weights});
  const auto answer_with = [&](TinyReply reply) {
    // What came before it was wrong is kept: each case begins anew.
    std::filesystem::remove_all(store_.root() / "hearth/partial");
    registry_.intercept(only(Digest::of(weights).text(), [reply](const TinyRequest&) { return reply; }));
  };
  answer_with({.body = weights + "more"});
  expect_refused(ErrorCode::kMalformed, {"expected 50000 bytes", "50004"});
  answer_with({.body = weights.substr(1)});
  expect_refused(ErrorCode::kMalformed, {"expected 50000 bytes", "49999"});
  answer_with({.body = weights, .is_endless = true});
  expect_refused(ErrorCode::kMalformed, {"expected 50000 bytes", "more"});
  answer_with({.status = 206, .headers = {{"Content-Range", "bytes 1-50000/50001"}}, .body = weights});
  expect_refused(ErrorCode::kMalformed,
                 {"expected Content-Range: bytes 0-49999/50000", "bytes 1-50000/50001"});
  answer_with({.status = 206, .body = weights});
  expect_refused(ErrorCode::kMalformed, {"expected Content-Range", "none"});
  answer_with({.body = weights.substr(0, 100), .length = "", .cut_after = 50});
  expect_refused(ErrorCode::kUnavailable, {"expected 50000 bytes"});
  EXPECT_LT(registry_.sent_bytes(), 64U << 20U) << "an endless body was read on";
}

TEST_F(HostileRegistry, CompressedBodies_AreRefusedUnread) {
  const std::string weights = noise(50'000);
  registry_.add_model({weights});
  for (const char* part : {"/manifests/", "/blobs/"}) {
    registry_.intercept(only(part, [](const TinyRequest& request) {
      EXPECT_EQ(request.header("accept-encoding"), "");
      return TinyReply{.headers = {{"Content-Encoding", "gzip"}}, .body = "\x1f\x8b bomb"};
    }));
    expect_refused(ErrorCode::kMalformed, {"Content-Encoding: gzip"});
  }
}

TEST_F(HostileRegistry, HugeManifests_AreRefusedEarly) {
  registry_.intercept(only(
      "/manifests/", [](const TinyRequest&) { return TinyReply{.body = std::string(10'000'000, ' ')}; }));
  expect_refused(ErrorCode::kMalformed, {"expected at most 4194304 bytes", "10000000"});
  registry_.intercept(only("/manifests/", [](const TinyRequest&) {
    return TinyReply{.body = std::string(1'000'000, ' '), .is_endless = true};
  }));
  expect_refused(ErrorCode::kMalformed, {"expected at most 4194304 bytes"});
  EXPECT_LT(registry_.sent_bytes(), 32U << 20U);
}

TEST_F(HostileRegistry, EndlessHeads_AreRefused) {
  registry_.intercept(only("/manifests/", [](const TinyRequest&) {
    TinyReply reply{.body = "{}"};
    for (int i = 0; i < 2000; ++i) reply.headers.emplace_back(fmt::format("X-{}", i), std::string(100, 'x'));
    return reply;
  }));
  expect_refused(ErrorCode::kMalformed, {"expected a head of at most 65536 bytes"});
}

TEST_F(HostileRegistry, Manifests_ThatAreNone_AreRefused) {
  const auto serve = [&](std::string manifest) { registry_.set_manifest(std::move(manifest)); };
  const std::string good = registry_.add_model({noise(1000)});
  const auto with = [&good](const std::string& what, const std::string& instead) {
    std::string text = good;
    text.replace(text.find(what), what.size(), instead);
    return text;
  };
  const std::string hex = Digest::of(noise(1000)).hex();
  for (const std::string& digest : {std::string("sha256:../../../../etc/passwd"), "sha256:" + hex.substr(1),
                                    "sha256:" + hex + "/../x", "sha256:..\\\\..\\\\" + hex.substr(12),
                                    std::string("sha512:") + hex, std::string("md5:0"), std::string()}) {
    serve(with("sha256:" + hex, digest));
    expect_refused(ErrorCode::kMalformed, {});
  }
  for (const char* size : {"-1", "1e300", "9223372036854775808", "\"1000\"", "null"}) {
    serve(with("\"size\":1000", fmt::format("\"size\":{}", size)));
    const auto pulled = pull_tiny();
    EXPECT_FALSE(pulled) << size;
  }
  for (const char* text : {"", "{", "[]", "null", "{\"schemaVersion\":1}", "<html>"}) {
    serve(text);
    EXPECT_FALSE(pull_tiny()) << text;
  }
  EXPECT_EQ(store_.count_files("blobs"), 0U);
}

TEST_F(HostileRegistry, ListsOfManifests_AreRefusedAsSuch) {
  registry_.set_manifest(
      R"({"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]})");
  expect_refused(ErrorCode::kUnsupported, {});
}

TEST_F(HostileRegistry, ManifestThatIsNotWhatItsHeadSays_IsRefused) {
  const std::string manifest = registry_.add_model({"x"});
  registry_.intercept(only("/manifests/", [&](const TinyRequest&) {
    return TinyReply{.headers = {{"Docker-Content-Digest", Digest::of("other").text()}}, .body = manifest};
  }));
  expect_refused(ErrorCode::kMalformed, {Digest::of("other").text(), Digest::of(manifest).text()});
}

TEST_F(HostileRegistry, MissingModel_IsNotFound) {
  expect_refused(ErrorCode::kNotFound, {"expected 200, found 404: manifest unknown"});
}

// --- Redirections
// ---------------------------------------------------------------------------------------------------

TEST_F(HostileRegistry, RedirectionsElsewhere_AreRefused) {
  registry_.add_model({noise(1000)});
  const std::vector<std::pair<std::string, std::string>> cases{
      {"http://169.254.169.254/latest/meta-data/", "169.254.169.254"},
      {"http://2852039166/latest/", "169.254.169.254"},  // the same as one number
      {"http://[::ffff:169.254.169.254]/", "link-local"},
      {"http://[fd00:ec2::254]/", "link-local or reserved"},
      {"http://10.0.0.1/", "private"},  // the registry is on loopback, not on this network
      {"http://192.168.1.1:80/admin", "private"},
      {"http://0.0.0.0/", "link-local or reserved"},
      {"http://100.100.100.200/", "link-local or reserved"},
      {"file:///etc/passwd", "expected a URL of http or https"},
      {"gopher://127.0.0.1/", "expected a URL of http or https"},
      {"https://user:secret@127.0.0.1/", "a name or password in it"},
      {"http://127.0.0.1\\@10.0.0.1/", "backslash"}};
  for (const char* part : {"/manifests/", "/blobs/"}) {
    for (const auto& [to, found] : cases) {
      SCOPED_TRACE(part + to);
      registry_.intercept(only(part, [to = to](const TinyRequest&) { return redirection(to); }));
      const auto pulled = pull_tiny();
      ASSERT_FALSE(pulled);
      EXPECT_NE(pulled.error().message().find(found), std::string::npos) << pulled.error().message();
      EXPECT_EQ(pulled.error().message().find("secret"), std::string::npos);
    }
  }
  EXPECT_EQ(store_.count_files("blobs"), 0U);
}

// What a public registry may not reach: the rule of such a one, at the socket.
TEST_F(HostileRegistry, LoopbackBehindANameOrANumber_IsNotConnectedTo) {
  for (const char* host : {"127.0.0.1", "localhost", "2130706433", "[::ffff:127.0.0.1]"}) {
    Transport transport({});
    std::optional<Result<Response>> answer;
    Request request{.url = *parse_url(fmt::format("http://{}:{}/", host, registry_.port()))};
    transport.start(std::move(request), {}, [&](Result<Response> response) { answer = std::move(response); });
    ASSERT_TRUE(transport.run([&] { return answer.has_value(); }));
    ASSERT_FALSE(*answer) << host;
    EXPECT_NE(answer->error().message().find("(loopback)"), std::string::npos) << answer->error().message();
  }
  EXPECT_TRUE(registry_.log().empty());
}

TEST_F(HostileRegistry, RedirectionsInACircle_AreFollowedFiveTimes) {
  registry_.intercept(
      only("/manifests/", [&](const TinyRequest& request) { return redirection(request.target); }));
  expect_refused(ErrorCode::kMalformed, {"expected at most 5 redirections"});
  EXPECT_EQ(registry_.log().size(), 6U);
  registry_.intercept(only("/manifests/", [&](const TinyRequest&) { return TinyReply{.status = 302}; }));
  expect_refused(ErrorCode::kMalformed, {"expected a header Location"});
}

TEST_F(HostileRegistry, RedirectionToHttp_IsRefusedWhereTheRegistryIsAskedByHttps) {
  options_.plain_http = false;
  const auto https = session();
  Response response;
  response.head = {.status = 307, .headers = {{"location", "http://cdn.example/blob"}}};
  const auto next = https->follow(*parse_url("https://registry.example/v2/"), response);
  ASSERT_FALSE(next);
  EXPECT_NE(next.error().message().find("expected https"), std::string::npos) << next.error().message();
}

// --- Secrets
// --------------------------------------------------------------------------------------------------------

// Asks for a token, and takes "good" for one.
TinyRegistry::Intercept guarded(const std::string& realm) {
  return [realm](const TinyRequest& request) -> std::optional<TinyReply> {
    if (request.target.starts_with("/token")) return TinyReply{.body = R"({"token":"good"})"};
    if (request.header("authorization") == "Bearer good") return std::nullopt;
    return TinyReply{.status = 401,
                     .headers = {{"WWW-Authenticate",
                                  fmt::format(R"(Bearer realm="{}",service="tiny",scope="all:*")", realm)}}};
  };
}

TEST_F(HostileRegistry, Token_IsAskedForWithWhatIsNeededAndSentNowhereElse) {
  const std::string weights = noise(1000);
  registry_.add_model({weights});
  TinyRegistry elsewhere;
  elsewhere.add_blob("x", weights);
  options_.credentials = Credentials{"user", "password"};
  const auto guard = guarded(registry_.url() + "/token");
  registry_.intercept([&](const TinyRequest& request) -> std::optional<TinyReply> {
    const auto refused = guard(request);
    if (refused || request.target.find(Digest::of(weights).text()) == std::string::npos) return refused;
    return redirection(elsewhere.url() + "/blobs/" + Digest::of(weights).text());
  });
  const auto pulled = pull_tiny();
  ASSERT_TRUE(pulled) << pulled.error().message();
  bool has_asked = false;
  for (const TinyRequest& request : registry_.log()) {
    if (!request.target.starts_with("/token")) continue;
    has_asked = true;
    EXPECT_EQ(request.target, "/token?service=tiny&scope=repository%3alibrary%2ftiny%3apull");
    EXPECT_EQ(request.header("authorization"), "Basic dXNlcjpwYXNzd29yZA==");
  }
  EXPECT_TRUE(has_asked);
  ASSERT_FALSE(elsewhere.log().empty());
  for (const TinyRequest& request : elsewhere.log()) EXPECT_EQ(request.header("authorization"), "");
}

TEST_F(HostileRegistry, RealmElsewhere_IsNotAsked) {
  registry_.add_model({"x"});
  TinyRegistry elsewhere;
  options_.credentials = Credentials{"user", "password"};
  for (const std::string& realm :
       {fmt::format("http://localhost:{}/token", elsewhere.port()), std::string("https://evil.example/token"),
        std::string("http://169.254.169.254/token"), std::string("/token"),
        std::string("file:///etc/passwd")}) {
    registry_.intercept(guarded(realm));
    const auto pulled = pull_tiny();
    ASSERT_FALSE(pulled) << realm;
    EXPECT_NE(pulled.error().message().find("realm of tokens"), std::string::npos)
        << pulled.error().message();
  }
  EXPECT_TRUE(elsewhere.log().empty());
  // Unless somebody has named that host.
  options_.token_hosts = {"localhost"};
  elsewhere.intercept(guarded(""));
  registry_.intercept(guarded(fmt::format("http://localhost:{}/token", elsewhere.port())));
  EXPECT_TRUE(pull_tiny());
}

TEST_F(HostileRegistry, UnendingRefusals_EndAfterOneToken) {
  for (const char* challenge : {"Bearer realm=\"{}/token\"", "Basic realm=\"x\""}) {
    const size_t n_before = registry_.log().size();
    options_.credentials = Credentials{"user", "wrong"};
    const std::string header = fmt::format(fmt::runtime(challenge), registry_.url());
    registry_.intercept([&](const TinyRequest& request) -> std::optional<TinyReply> {
      if (request.target.starts_with("/token")) return TinyReply{.body = R"({"token":"bad"})"};
      return TinyReply{.status = 401, .headers = {{"WWW-Authenticate", header}}, .body = "no"};
    });
    expect_refused(ErrorCode::kInvalidArgument, {"expected 200, found 401: no"});
    EXPECT_LE(registry_.log().size() - n_before, 3U);
  }
  registry_.intercept([&](const TinyRequest&) { return TinyReply{.status = 401}; });
  expect_refused(ErrorCode::kInvalidArgument, {"found 401"});
}

TEST_F(HostileRegistry, TokensThatAreNone_AreRefused) {
  for (const char* body :
       {"", "{}", "{\"token\": 1}", "{\"token\": \"a\\r\\nX-Evil: 1\"}", "[", "{\"token\": \"\"}"}) {
    registry_.intercept([&](const TinyRequest& request) -> std::optional<TinyReply> {
      if (request.target.starts_with("/token")) return TinyReply{.body = body};
      return TinyReply{
          .status = 401,
          .headers = {{"WWW-Authenticate", fmt::format("Bearer realm=\"{}/token\"", registry_.url())}}};
    });
    expect_refused(ErrorCode::kMalformed, {"with a token"});
  }
}

TEST_F(HostileRegistry, PlainHttp_IsNotTakenUnasked) {
  options_.insecure = false;
  const auto refused = Session::create(name(), Session::Action::kPull, options_);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message().find("--insecure"), std::string::npos);
  options_.plain_http = false;
  options_.max_tries = 1;
  const auto pulled = pull_tiny();
  ASSERT_FALSE(pulled);
  EXPECT_NE(pulled.error().message().find("speaks TLS"), std::string::npos) << pulled.error().message();
  EXPECT_TRUE(registry_.log().empty());
  // With it, a host that speaks no TLS is asked by http.
  registry_.add_model({"x"});
  options_.insecure = true;
  EXPECT_TRUE(pull_tiny());
}

}  // namespace
}  // namespace hearth::store::registry
