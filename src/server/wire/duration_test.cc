#include "server/wire/duration.h"

#include <gtest/gtest.h>

#include "server/wire/timestamp.h"

namespace hearth::server::wire {
namespace {

TEST(GoDuration, Wellformed_IsParsed) {
  const std::vector<std::pair<const char*, double>> cases{
      {"5m", 300},        {"1h30m", 5400}, {"300ms", 0.3}, {"-1m", -60}, {"1.5h", 5400},     {"0", 0},
      {"2h45m30s", 9930}, {"+3s", 3},      {"1us", 1e-6},  {".5s", 0.5}, {"1\u00b5s", 1e-6}, {"7ns", 7e-9}};
  for (const auto& [text, seconds] : cases) {
    const auto duration = parse_go_duration(text);
    ASSERT_TRUE(duration) << text;
    EXPECT_NEAR(duration->count(), seconds, 1e-9) << text;
  }
}

TEST(GoDuration, Malformed_IsRefused) {
  for (const char* text : {"", "-", "5", "m", "5x", "5m3", "1..5s", ".", ".s", "1e5s", "5 m", "nans", "infs",
                           "--1s", "99999999999999h", "0x10s"}) {
    EXPECT_FALSE(parse_go_duration(text)) << text;
  }
}

std::optional<Seconds> keep_alive(const std::string& json) {
  auto body = JsonBody::parse("{\"keep_alive\":" + json + "}");
  EXPECT_TRUE(body);
  const auto duration = read_keep_alive((*body)["keep_alive"]);
  EXPECT_EQ(body->check().has_value(), duration.has_value() || json == "null") << json;
  return duration;
}

TEST(KeepAlive, NumbersAndTexts_AreRead) {
  EXPECT_EQ(keep_alive("300"), Seconds(300));
  EXPECT_EQ(keep_alive("0.5"), Seconds(0.5));
  EXPECT_EQ(keep_alive("0"), Seconds(0));
  EXPECT_EQ(keep_alive("\"5m\""), Seconds(300));
  EXPECT_EQ(keep_alive("\"60\""), Seconds(60));
  EXPECT_LT(keep_alive("\"-1\"")->count(), 0);
  EXPECT_LT(keep_alive("-1")->count(), 0);
  EXPECT_LT(keep_alive("-1e300")->count(), 0);
  EXPECT_FALSE(keep_alive("null"));
}

TEST(KeepAlive, OtherThings_AreRefused) {
  for (const char* json : {"\"\"", "\"x\"", "true", "[]", "{}", "1e300", "\"1e300\""})
    EXPECT_FALSE(keep_alive(json));
}

TEST(UtcTimestamp, HasNineDigitsOfSeconds) {
  using std::chrono::nanoseconds;
  const auto at = [](int64_t ns) {
    return utc_timestamp(WallTime(std::chrono::duration_cast<WallTime::duration>(nanoseconds(ns))));
  };
  EXPECT_EQ(at(0), "1970-01-01T00:00:00.000000000Z");
  EXPECT_EQ(at(1'700'000'000'000'000'001), "2023-11-14T22:13:20.000000001Z");
  EXPECT_EQ(at(951'827'696'123'456'789), "2000-02-29T12:34:56.123456789Z");
  EXPECT_EQ(at(-1), "1969-12-31T23:59:59.999999999Z");
}

}  // namespace
}  // namespace hearth::server::wire
