#include "server/wire/stream_text.h"

#include <gtest/gtest.h>

namespace hearth::server::wire {
namespace {

TEST(StreamText, LinesAndEvents_HaveTheirShape) {
  const Json object{{"b", 1}, {"a", "x\ny"}};
  EXPECT_EQ(ndjson_line(object), "{\"b\":1,\"a\":\"x\\ny\"}\n");
  EXPECT_EQ(sse_event(object), "data: {\"b\":1,\"a\":\"x\\ny\"}\n\n");
  EXPECT_EQ(sse_event(object, "ping"), "event: ping\ndata: {\"b\":1,\"a\":\"x\\ny\"}\n\n");
  EXPECT_EQ(sse_done(), "data: [DONE]\n\n");
}

TEST(StreamText, BytesThatAreNoUtf8_AreReplaced) {
  EXPECT_EQ(ndjson_line({{"a", "\xFF"}}), "{\"a\":\"\xEF\xBF\xBD\"}\n");
}

TEST(TextParts, LongText_IsCutBetweenCharacters) {
  const std::vector<std::string_view> parts = text_parts("a\u20ac\u20acb\U0001F600", 4);
  EXPECT_EQ(parts, (std::vector<std::string_view>{"a\u20ac", "\u20acb", "\U0001F600"}));
  EXPECT_EQ(text_parts("").size(), 1U);
  EXPECT_EQ(text_parts("\x80\x80\x80\x80\x80", 4).size(), 2U);
}

TEST(TextParts, WorstText_StaysBelowTheLongestLine) {
  const std::string worst(kMaxTextBytes, '\x01');  // each becomes \u0001
  EXPECT_LT(ndjson_line({{"response", worst}}).size(), kMaxLineBytes);
}

}  // namespace
}  // namespace hearth::server::wire
