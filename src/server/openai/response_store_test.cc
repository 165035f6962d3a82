#include "server/openai/response_store.h"

#include <gtest/gtest.h>

namespace hearth::server::openai {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

const WallTime kNow = WallTime(hours(500'000));

StoredResponse response(std::string text) {
  return {.response = std::move(text), .input_items = "[]"};
}

TEST(ResponseStore, Put_IsFoundByItsOwnerOnly) {
  ResponseStore store;
  store.put("alice", "resp_1", response("one"), kNow);
  ASSERT_NE(store.find("alice", "resp_1", kNow), nullptr);
  EXPECT_EQ(store.find("alice", "resp_1", kNow)->response, "one");
  EXPECT_EQ(store.find("bob", "resp_1", kNow), nullptr);
  EXPECT_EQ(store.find("", "resp_1", kNow), nullptr);
  EXPECT_FALSE(store.erase("bob", "resp_1", kNow));
  EXPECT_TRUE(store.erase("alice", "resp_1", kNow));
  EXPECT_FALSE(store.erase("alice", "resp_1", kNow));
  EXPECT_EQ(store.size(), 0U);
  EXPECT_EQ(store.bytes(), 0U);
}

TEST(ResponseStore, SameIdAgain_TakesItsPlace) {
  ResponseStore store;
  store.put("a", "r", response("first"), kNow);
  store.put("a", "r", response("second"), kNow);
  EXPECT_EQ(store.find("a", "r", kNow)->response, "second");
  EXPECT_EQ(store.size(), 1U);
  EXPECT_EQ(store.bytes(), std::string("rsecond[]").size());
}

TEST(ResponseStore, Unused_Expires) {
  ResponseStore store({.lifetime = hours(1)});
  store.put("a", "old", response("x"), kNow);
  store.put("a", "used", response("x"), kNow);
  store.put("b", "old", response("x"), kNow);
  EXPECT_NE(store.find("a", "used", kNow + hours(1)), nullptr);
  EXPECT_EQ(store.find("a", "old", kNow + hours(1) + seconds(1)), nullptr);
  EXPECT_NE(store.find("a", "used", kNow + hours(1) + seconds(1)), nullptr);
  EXPECT_EQ(store.size(), 1U);
}

TEST(ResponseStore, TooMany_DropsWhatWasNotUsedForLongest) {
  ResponseStore store({.max_responses = 2});
  store.put("a", "1", response("x"), kNow);
  store.put("a", "2", response("x"), kNow);
  EXPECT_NE(store.find("a", "1", kNow), nullptr);
  store.put("a", "3", response("x"), kNow);
  EXPECT_NE(store.find("a", "1", kNow), nullptr);
  EXPECT_EQ(store.find("a", "2", kNow), nullptr);
  EXPECT_NE(store.find("a", "3", kNow), nullptr);
}

TEST(ResponseStore, OneOwnerFloods_OthersKeepTheirs) {
  ResponseStore store({.max_responses = 1000, .max_bytes = 4000});
  store.put("quiet", "mine", response(std::string(100, 'q')), kNow);
  for (int i = 0; i < 500; ++i) {
    store.put("loud", std::to_string(i), response(std::string(100, 'l')), kNow);
    ASSERT_LE(store.bytes(), 4000U);
  }
  EXPECT_NE(store.find("quiet", "mine", kNow), nullptr);
  EXPECT_NE(store.find("loud", "499", kNow), nullptr);
  EXPECT_EQ(store.find("loud", "0", kNow), nullptr);
}

TEST(ResponseStore, LargerThanAll_IsNotKept) {
  ResponseStore store({.max_bytes = 100});
  store.put("a", "small", response("x"), kNow);
  store.put("a", "large", response(std::string(200, 'x')), kNow);
  EXPECT_EQ(store.find("a", "large", kNow), nullptr);
  EXPECT_NE(store.find("a", "small", kNow), nullptr);
}

}  // namespace
}  // namespace hearth::server::openai
