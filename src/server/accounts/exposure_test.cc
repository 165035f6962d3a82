#include "server/accounts/exposure.h"

#include <gtest/gtest.h>

namespace hearth::server::accounts {
namespace {

TEST(IsLoopback, AddressesAndNames_AreTold) {
  for (const char* host : {"127.0.0.1", "127.1.2.3", "::1", "[::1]", "localhost", "::ffff:127.0.0.1"}) {
    EXPECT_TRUE(is_loopback(host)) << host;
  }
  for (const char* host :
       {"0.0.0.0", "::", "", "192.168.1.2", "128.0.0.1", "127.0.0.1.example.org", "localhost.example.org",
        "example.org", "::ffff:192.168.1.2", "127.0.0.1 ", "2130706433"}) {
    EXPECT_FALSE(is_loopback(host)) << host;
  }
  EXPECT_FALSE(is_loopback(std::string_view("::1\0", 4)));
}

TEST(CheckExposure, EveryCase_NeedsKeyAndTlsBeyondLoopback) {
  for (const char* host : {"127.0.0.1", "0.0.0.0", "192.168.1.2", "::"}) {
    for (int bits = 0; bits < 8; ++bits) {
      const bool tls = (bits & 1) != 0;
      const bool key = (bits & 2) != 0;
      const bool insecure = (bits & 4) != 0;
      const auto allowed =
          check_exposure({.host = host, .has_tls = tls, .has_usable_key = key, .insecure = insecure});
      EXPECT_EQ(allowed.has_value(), is_loopback(host) || (tls && key) || insecure) << host << ' ' << bits;
    }
  }
}

TEST(CheckExposure, Refusal_SaysWhatToDo) {
  const auto message = [](bool tls, bool key) {
    return check_exposure({.host = "0.0.0.0", .has_tls = tls, .has_usable_key = key}).error().message();
  };
  EXPECT_NE(message(false, false).find("make an API key (hearth key create NAME) and give a certificate"),
            std::string::npos);
  EXPECT_EQ(message(false, true).find("hearth key create"), std::string::npos);
  EXPECT_EQ(message(true, false).find("--tls-cert"), std::string::npos);
  EXPECT_NE(message(true, false).find(kInsecureFlag), std::string::npos);
}

TEST(RequiresKey, BeyondLoopback_AlwaysUnlessInsecure) {
  EXPECT_FALSE(requires_key({.host = "127.0.0.1"}, false));
  EXPECT_TRUE(requires_key({.host = "127.0.0.1"}, true));
  EXPECT_TRUE(requires_key({.host = "0.0.0.0", .has_tls = true, .has_usable_key = true}, false));
  EXPECT_FALSE(requires_key({.host = "0.0.0.0", .insecure = true}, false));
  EXPECT_TRUE(requires_key({.host = "0.0.0.0", .insecure = true}, true));
}

}  // namespace
}  // namespace hearth::server::accounts
