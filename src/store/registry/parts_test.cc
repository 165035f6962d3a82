// What a registry's words are taken apart with: URLs, addresses, challenges, credentials.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

#include <fstream>

#include "store/registry/address.h"
#include "store/registry/challenge.h"
#include "store/registry/credentials.h"
#include "store/registry/session.h"
#include "store/registry/transport.h"
#include "store/registry/url.h"
#include "tests/support/temporary_folder.h"

namespace hearth::store::registry {
namespace {

TEST(Url, Parts_AreThoseThatAreConnectedTo) {
  const auto url = parse_url("https://Registry.Example:5000/v2/x?token=secret");
  ASSERT_TRUE(url) << url.error().message();
  EXPECT_EQ(url->host, "registry.example");
  EXPECT_EQ(url->port, 5000);
  EXPECT_EQ(url->origin(), "https://registry.example:5000");
  EXPECT_EQ(url->shown(), "https://registry.example:5000/v2/x");
  EXPECT_EQ(parse_url("http://example.org")->port, 80);
  EXPECT_EQ(parse_url("https://[::1]:1/")->origin(), "https://[::1]:1");
  // Decimal and octal addresses are addresses.
  EXPECT_EQ(parse_url("http://2130706433/")->host, "127.0.0.1");
  EXPECT_EQ(parse_url("http://0x7f.1/")->host, "127.0.0.1");
}

TEST(Url, WhatAnotherParserMayReadDifferently_IsRefused) {
  for (const char* text : {"", "ftp://example.org/", "file:///etc/passwd", "gopher://x/", "//example.org/",
                           "https://", "https://a:99999/", "https://user@example.org/",
                           "https://user:secret@example.org/", "https://example.org\\@evil/",
                           "https://exa mple.org/", "https://example.org/\n", "https://ex\xc3\xa4mple.org/"})
    EXPECT_FALSE(parse_url(text)) << text;
  EXPECT_EQ(parse_url("https://user:secret@example.org/").error().message().find("secret"),
            std::string::npos);
}

TEST(Url, References_AreResolved) {
  const auto base = parse_url("https://example.org/v2/a/b?x=1");
  EXPECT_EQ(resolve_url(*base, "/other?y=2")->text, "https://example.org/other?y=2");
  EXPECT_EQ(resolve_url(*base, "c")->text, "https://example.org/v2/a/c");
  EXPECT_EQ(resolve_url(*base, "//cdn.example/c")->host, "cdn.example");
  EXPECT_EQ(resolve_url(*base, "https://cdn.example:1/c")->port, 1);
  EXPECT_FALSE(resolve_url(*base, "file:///etc/passwd"));
  EXPECT_EQ(with_query(*base, "scope", "a:b/c&d=1")->text,
            "https://example.org/v2/a/b?x=1&scope=a%3ab%2fc%26d%3d1");
}

AddressClass class_of(const char* text) {
  sockaddr_in6 ipv6{};
  if (::inet_pton(AF_INET6, text, &ipv6.sin6_addr) == 1) {
    ipv6.sin6_family = AF_INET6;
    return classify(reinterpret_cast<const sockaddr&>(ipv6));
  }
  sockaddr_in ipv4{};
  ipv4.sin_family = AF_INET;
  EXPECT_EQ(::inet_pton(AF_INET, text, &ipv4.sin_addr), 1) << text;
  return classify(reinterpret_cast<const sockaddr&>(ipv4));
}

TEST(AddressClass, EveryKind_IsKnown) {
  const std::vector<std::pair<AddressClass, std::vector<const char*>>> cases{
      {AddressClass::kPublic, {"8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "::ffff:8.8.8.8"}},
      {AddressClass::kPrivate,
       {"10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "fd12::1", "::ffff:10.0.0.1",
        "2002:0a00:0001::1", "64:ff9b::10.0.0.1"}},
      {AddressClass::kLoopback,
       {"127.0.0.1", "127.255.255.255", "::1", "::ffff:127.0.0.1", "64:ff9b::127.0.0.1"}},
      {AddressClass::kForbidden,
       {"169.254.169.254", "169.254.0.1", "0.0.0.0", "255.255.255.255", "224.0.0.1", "240.0.0.1",
        "100.100.100.200", "168.63.129.16", "192.0.0.192", "::", "fe80::1", "ff02::1", "fd00:ec2::254",
        "::ffff:169.254.169.254", "::169.254.169.254", "2002:a9fe:a9fe::1"}}};
  for (const auto& [expected, addresses] : cases) {
    for (const char* address : addresses)
      EXPECT_EQ(address_class_name(class_of(address)), address_class_name(expected)) << address;
  }
}

TEST(AddressRule, NothingAllowsTheForbidden) {
  AddressRule rule = AddressRule::all_but_forbidden();
  rule.allow(AddressClass::kForbidden);
  EXPECT_FALSE(rule.allows(AddressClass::kForbidden));
  EXPECT_FALSE(AddressRule::only_public().allows(AddressClass::kLoopback));
  EXPECT_FALSE(AddressRule::only_public().allows(AddressClass::kPrivate));
}

TEST(Challenge, WhatRegistriesSend_IsParsed) {
  const auto one = parse_challenges(
      R"(Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull")");
  ASSERT_TRUE(one) << one.error().message();
  ASSERT_EQ(one->size(), 1U);
  EXPECT_EQ(one->front().scheme, "bearer");
  EXPECT_EQ(one->front().parameter("realm"), "https://auth.docker.io/token");
  EXPECT_EQ(one->front().parameter("scope"), "repository:a/b:pull");
  const auto several =
      parse_challenges(R"(Negotiate, NTLM abc==, Basic realm="a \"b\", c", Bearer Realm=x , y=z)");
  ASSERT_TRUE(several) << several.error().message();
  ASSERT_EQ(several->size(), 4U);
  EXPECT_EQ((*several)[2].parameter("realm"), R"(a "b", c)");
  EXPECT_EQ((*several)[3].parameter("realm"), "x");
  EXPECT_EQ((*several)[3].parameter("y"), "z");
  EXPECT_TRUE(parse_challenges("")->empty());
}

TEST(Challenge, WhatBreaksTheGrammar_IsRefused) {
  for (const std::string& text : std::vector<std::string>{
           R"(Bearer realm="open)", R"(Bearer realm="a", realm="b")", "=x", "Bearer realm=\"a\nb\"",
           R"(Bearer a="b\)", "\xff", "Bearer " + std::string(10000, 'x')})
    EXPECT_FALSE(parse_challenges(text)) << text;
}

TEST(Credentials, DockersFile_IsRead) {
  const hearth::testing::TemporaryFolder folder;
  const auto path = folder / "config.json";
  std::ofstream(path) << R"({"auths": {"https://registry.example/v1/": {"auth": "dXNlcjpwYTpzcw=="},
                                       "helped.example": {}, "broken.example": {"auth": "?"}},
                             "credsStore": "desktop"})";
  const auto found = read_credentials(path, "registry.example");
  ASSERT_TRUE(found && *found);
  EXPECT_EQ((*found)->user, "user");
  EXPECT_EQ((*found)->password, "pa:ss");
  EXPECT_EQ(basic_credentials(**found), "dXNlcjpwYTpzcw==");
  EXPECT_FALSE(*read_credentials(path, "other.example"));
  EXPECT_FALSE(*read_credentials(path, "helped.example"));
  EXPECT_FALSE(*read_credentials(folder / "none.json", "registry.example"));
  EXPECT_FALSE(read_credentials(path, "broken.example"));
  std::ofstream(path) << "[";
  EXPECT_FALSE(read_credentials(path, "registry.example"));
}

TEST(Credentials, DockerHub_IsKnownByItsNames) {
  const hearth::testing::TemporaryFolder folder;
  const auto path = folder / "config.json";
  std::ofstream(path) << R"({"auths": {"https://index.docker.io/v1/": {"auth": "dXNlcjpwYTpzcw=="}}})";
  EXPECT_TRUE(*read_credentials(path, "docker.io"));
  EXPECT_TRUE(*read_credentials(path, "registry-1.docker.io"));
  EXPECT_FALSE(*read_credentials(path, "docker.io.example"));
  const auto session = Session::create(*ModelName::parse("docker.io/ai/smollm2"), Session::Action::kPull, {});
  ASSERT_TRUE(session);
  EXPECT_EQ((*session)->host(), "registry-1.docker.io");
}

TEST(Proxy, Environment_IsHeededButForLoopback) {
  ::setenv("https_proxy", "http://proxy.example:3128", 1);
  ::setenv("no_proxy", "lan.example, .corp", 1);
  EXPECT_EQ(proxy_for(*parse_url("https://registry.example/")), "http://proxy.example:3128");
  for (const char* direct : {"https://127.0.0.1/", "https://localhost/", "https://[::1]/",
                             "https://a.lan.example/", "https://lan.example/", "https://x.corp/"})
    EXPECT_EQ(proxy_for(*parse_url(direct)), "") << direct;
  EXPECT_EQ(proxy_for(*parse_url("https://notlan.example/")), "http://proxy.example:3128");
  EXPECT_EQ(proxy_for(*parse_url("http://registry.example/")), "");
  ::unsetenv("https_proxy");
  ::unsetenv("no_proxy");
}

}  // namespace
}  // namespace hearth::store::registry
