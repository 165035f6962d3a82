#include "server/accounts/limits.h"

#include <gtest/gtest.h>

namespace hearth::server::accounts {
namespace {

using std::chrono::seconds;

// Noon of a day, and so many seconds later.
Moment at(double later_s) {
  const auto later =
      std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::duration<double>(later_s));
  return {WallTime(std::chrono::days(20'000) + std::chrono::hours(12) + later),
          std::chrono::steady_clock::time_point(std::chrono::hours(1) + later)};
}

KeyRecord key(KeyLimits limits) {
  KeyRecord record;
  record.id = "0123456789ab";
  record.name = "laptop";
  record.limits = limits;
  return record;
}

TEST(LimitCounters, NoLimits_AdmitsEverything) {
  LimitCounters counters;
  for (int i = 0; i < 1000; ++i) EXPECT_FALSE(counters.admit(key({}), at(0)));
}

TEST(LimitCounters, RequestsPerMinute_ComeAtOnceAndThenEvenly) {
  LimitCounters counters;
  const KeyRecord limited = key({.requests_per_minute = 6});
  for (int i = 0; i < 6; ++i) EXPECT_FALSE(counters.admit(limited, at(0)));
  const auto refused = counters.admit(limited, at(0));
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->retry_after_s, 10);
  EXPECT_NE(refused->message.find("6 requests a minute"), std::string::npos);
  EXPECT_EQ(counters.admit(limited, at(4.5))->retry_after_s, 6);
  EXPECT_FALSE(counters.admit(limited, at(10)));  // who waits as long as was said is served
  EXPECT_TRUE(counters.admit(limited, at(10)));
  // The bucket does not grow beyond a minute's.
  int n_admitted = 0;
  while (!counters.admit(limited, at(100'000))) ++n_admitted;
  EXPECT_EQ(n_admitted, 6);
}

TEST(LimitCounters, TokensPerDay_AreFreeAgainAtMidnight) {
  LimitCounters counters;
  const KeyRecord limited = key({.tokens_per_day = 100});
  EXPECT_FALSE(counters.knows_day(limited.id, at(0)));
  counters.set_day(limited.id, 60, at(0));
  EXPECT_TRUE(counters.knows_day(limited.id, at(0)));
  EXPECT_FALSE(counters.admit(limited, at(0)));
  counters.add_tokens(limited.id, 40, at(1));
  const auto refused = counters.admit(limited, at(2));
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->retry_after_s, 12 * 3600 - 2);
  EXPECT_NE(refused->message.find("100 of its 100 tokens"), std::string::npos);
  EXPECT_TRUE(counters.admit(limited, at(12 * 3600 - 1)));
  EXPECT_FALSE(counters.admit(limited, at(12 * 3600)));
}

TEST(LimitCounters, AddTokens_OnANewDay_ForgetsTheOldOne) {
  LimitCounters counters;
  const KeyRecord limited = key({.tokens_per_day = 100});
  counters.set_day(limited.id, 100, at(0));
  counters.add_tokens(limited.id, 99, at(12 * 3600));
  EXPECT_FALSE(counters.admit(limited, at(12 * 3600)));
}

TEST(LimitCounters, ConcurrentRequests_EndAndAreFree) {
  LimitCounters counters;
  const KeyRecord limited = key({.concurrent_requests = 2});
  EXPECT_FALSE(counters.admit(limited, at(0)));
  EXPECT_FALSE(counters.admit(limited, at(0)));
  EXPECT_EQ(counters.admit(limited, at(0))->retry_after_s, 1);
  counters.release(limited.id);
  EXPECT_FALSE(counters.admit(limited, at(0)));
  EXPECT_TRUE(counters.admit(limited, at(0)));
  for (int i = 0; i < 5; ++i) counters.release(limited.id);  // too often: no credit
  EXPECT_FALSE(counters.admit(limited, at(0)));
  EXPECT_FALSE(counters.admit(limited, at(0)));
  EXPECT_TRUE(counters.admit(limited, at(0)));
}

TEST(LimitCounters, Refused_TakesNothing) {
  LimitCounters counters;
  const KeyRecord limited = key({.requests_per_minute = 2, .concurrent_requests = 1});
  EXPECT_FALSE(counters.admit(limited, at(0)));
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(counters.admit(limited, at(0)));  // one at a time
  counters.release(limited.id);
  EXPECT_FALSE(counters.admit(limited, at(0)));  // the second of the minute is still there
}

}  // namespace
}  // namespace hearth::server::accounts
