#include "metrics/server_metrics.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>

#include "metrics/process_stats.h"

namespace hearth::metrics {
namespace {

bool has_line(const std::string& text, const std::string& line) {
  return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

TEST(ServerMetrics, Requests_AreCountedByRouteAndStatus) {
  ServerMetrics metrics("1.2.3");
  metrics.request_answered("/api/chat", 200, 0.02);
  metrics.request_answered("/api/chat", 200, 0.2);
  metrics.request_answered("/api/chat", 429, 0.0001);
  metrics.request_answered("", 404, 0.0001);
  const std::string text = metrics.text({});
  EXPECT_TRUE(has_line(text, R"(hearth_requests_total{route="/api/chat",status="200"} 2)")) << text;
  EXPECT_TRUE(has_line(text, R"(hearth_requests_total{route="/api/chat",status="429"} 1)"));
  EXPECT_TRUE(has_line(text, R"(hearth_requests_total{route="none",status="404"} 1)"));
  EXPECT_TRUE(has_line(text, R"(hearth_request_seconds_bucket{route="/api/chat",le="0.025"} 2)")) << text;
  EXPECT_TRUE(has_line(text, R"(hearth_request_seconds_count{route="/api/chat"} 3)"));
  EXPECT_TRUE(has_line(text, "# TYPE hearth_request_seconds histogram"));
  EXPECT_TRUE(has_line(text, R"(hearth_build_info{version="1.2.3"} 1)"));
}

TEST(ServerMetrics, Tokens_AreCountedByKindAndModel) {
  ServerMetrics metrics("");
  metrics.tokens("tiny", TokenKind::kPrompt, 10);
  metrics.tokens("tiny", TokenKind::kPrompt, 5);
  metrics.tokens("tiny", TokenKind::kCached, 0);
  metrics.tokens("tiny", TokenKind::kGenerated, -3);
  metrics.first_token("tiny", 0.3);
  metrics.model_loaded("tiny", 3);
  const std::string text = metrics.text({});
  EXPECT_TRUE(has_line(text, R"(hearth_tokens_total{kind="prompt",model="tiny"} 15)")) << text;
  EXPECT_EQ(text.find("cached\""), std::string::npos);
  EXPECT_EQ(text.find("generated\""), std::string::npos);
  EXPECT_TRUE(has_line(text, R"(hearth_time_to_first_token_seconds_bucket{model="tiny",le="0.5"} 1)"));
  EXPECT_TRUE(has_line(text, R"(hearth_time_to_first_token_seconds_bucket{model="tiny",le="0.25"} 0)"));
  EXPECT_TRUE(has_line(text, R"(hearth_model_load_seconds_count{model="tiny"} 1)"));
}

TEST(ServerMetrics, State_IsThatOfTheMoment) {
  ServerMetrics metrics("");
  const std::string before = metrics.text({.n_connections = 3,
                                           .n_running_requests = 2,
                                           .models = {{"a", 100}, {"b", 200}},
                                           .n_models_loading = 4});
  EXPECT_TRUE(has_line(before, "hearth_connections 3"));
  EXPECT_TRUE(has_line(before, "hearth_running_requests 2"));
  EXPECT_TRUE(has_line(before, "hearth_models_loaded 2"));
  EXPECT_TRUE(has_line(before, "hearth_models_loading 4"));
  EXPECT_TRUE(has_line(before, R"(hearth_model_memory_bytes{model="b"} 200)"));
  const std::string after =
      metrics.text({.n_connections = 0, .n_running_requests = 0, .models = {{"b", 201}}});
  EXPECT_TRUE(has_line(after, R"(hearth_model_memory_bytes{model="b"} 201)"));
  EXPECT_EQ(after.find("model=\"a\""), std::string::npos);
}

TEST(ServerMetrics, ManyModels_AreBounded) {
  ServerMetrics metrics("");
  for (size_t i = 0; i < ServerMetrics::kMaxModels + 50; ++i) {
    metrics.tokens("model " + std::to_string(i), TokenKind::kPrompt, 1);
  }
  const std::string text = metrics.text({});
  EXPECT_TRUE(has_line(text, R"(hearth_tokens_total{kind="prompt",model="other"} 50)"));
  EXPECT_EQ(text.find("model 256\""), std::string::npos);
}

TEST(ReadProcessStats, ThisProcess_HasWhatEveryProcessHas) {
  const ProcessStats stats = read_process_stats();
  EXPECT_GT(stats.resident_bytes, 1U << 20U);
  EXPECT_GE(stats.virtual_bytes, stats.resident_bytes);
  EXPECT_GE(stats.n_threads, 1U);
  EXPECT_GE(stats.n_open_files, 3U);
  EXPECT_GE(stats.max_open_files, stats.n_open_files);
  const auto now_s =
      std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  EXPECT_NEAR(stats.start_time_seconds, now_s, 600.0);
  const int copy = dup(0);
  EXPECT_EQ(read_process_stats().n_open_files, stats.n_open_files + 1);
  close(copy);
}

}  // namespace
}  // namespace hearth::metrics
