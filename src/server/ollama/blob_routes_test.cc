// Blobs that clients bring.
#include <gtest/gtest.h>

#include "server/models/model_store.h"
#include "server/ollama/ollama_fixture.h"
#include "store/store_fixture.h"

namespace hearth::server::ollama {
namespace {

using http::Method;

// A body in parts, and how it ends.
class PartsBody final : public http::BodyReader {
 public:
  explicit PartsBody(std::vector<std::string> parts, std::optional<http::BodyFailure> failure = std::nullopt)
      : parts_(std::move(parts)), end_(std::move(failure)) {}

  Task<bool> read(std::string& bytes) override {
    if (n_read == parts_.size()) {
      failure_ = end_;
      co_return false;
    }
    bytes += parts_[n_read++];
    co_return true;
  }
  const std::optional<http::BodyFailure>& failure() const noexcept override { return failure_; }
  bool is_held_back() const noexcept override { return held_back && n_read == 0; }

  size_t n_read = 0;
  bool held_back = false;

 private:
  std::vector<std::string> parts_;
  std::optional<http::BodyFailure> end_;
  std::optional<http::BodyFailure> failure_;
};

class BlobRoutes : public OllamaTest {
 protected:
  BlobRoutes() {
    router_ = http::Router();
    add_ollama_routes(router_, {service_, "1.2.3", &model_store_});
  }
  wire::RecordingResponder put(const std::string& digest, PartsBody& body) {
    http::Request request;
    request.method = Method::kPost;
    request.path = "/api/blobs/" + digest;
    request.streamed_body = &body;
    wire::RecordingResponder responder;
    wire::serve(context_, router_, std::move(request), responder);
    return responder;
  }
  wire::RecordingResponder put(const std::string& digest, std::vector<std::string> parts) {
    PartsBody body(std::move(parts));
    return put(digest, body);
  }

  store::TestStore store_;
  ModelStore model_store_{context_.get_executor(), *store_};
};

TEST_F(BlobRoutes, NewBlob_IsWrittenOnce) {
  // More than is handed to the store at a time.
  std::vector<std::string> parts;
  std::string whole;
  for (int i = 0; i < 50; ++i) {
    parts.push_back(std::string(60'000, static_cast<char>('a' + i % 26)));
    whole += parts.back();
  }
  const store::Digest digest = store::Digest::of(whole);
  EXPECT_EQ(ask(Method::kHead, "/api/blobs/" + digest.text()).status, 404);
  EXPECT_EQ(put(digest.text(), parts).status, 201);
  EXPECT_EQ(ask(Method::kHead, "/api/blobs/" + digest.text()).status, 200);
  EXPECT_EQ(store_.read_file("blobs/" + digest.file_name()), whole);
  EXPECT_TRUE(store_->is_verified(digest));
  EXPECT_EQ(store_.count_files("hearth/incoming"), 0U);

  PartsBody again(parts);
  EXPECT_EQ(put(digest.text(), again).status, 200);
  EXPECT_EQ(again.n_read, parts.size()) << "who sends it wants to be done before the answer comes";
  PartsBody held_back(parts);
  held_back.held_back = true;
  EXPECT_EQ(put(digest.text(), held_back).status, 200);
  EXPECT_EQ(held_back.n_read, 0U);
}

TEST_F(BlobRoutes, OtherContent_IsRefusedAndGone) {
  const std::string digest = store::Digest::of("promised").text();
  const auto answer = put(digest, {"some", "thing else"});
  EXPECT_NE(error(answer, 400).find("digest mismatch"), std::string::npos);
  EXPECT_EQ(store_.count_files("blobs"), 0U);
  EXPECT_EQ(store_.count_files("hearth/incoming"), 0U);
  EXPECT_NE(error(put("sha256:12", {"x"}), 400), "");
  EXPECT_EQ(put("md5:12", {"x"}).status, 400);
  EXPECT_EQ(ask(Method::kHead, "/api/blobs/sha256:12").status, 400);
  EXPECT_EQ(put(store::Digest::of("").text(), std::vector<std::string>{}).status, 201)
      << "nothing is something";
}

TEST_F(BlobRoutes, BodyThatEndsEarly_LeavesNothing) {
  const std::string digest = store::Digest::of("promised").text();
  PartsBody slow({"prom"}, http::BodyFailure{408, "the request's body took too long"});
  EXPECT_EQ(error(put(digest, slow), 408), "the request's body took too long");
  PartsBody large({std::string(3 << 20, 'x')}, http::BodyFailure{413, "too large"});
  EXPECT_EQ(put(digest, large).status, 413);
  EXPECT_EQ(store_.count_files("blobs"), 0U);
  EXPECT_EQ(store_.count_files("hearth/incoming"), 0U);
}

TEST_F(BlobRoutes, DamagedBlob_IsWrittenAnew) {
  const store::Digest digest = store::Digest::of("promised");
  store_.put_file("blobs/" + digest.file_name(), "promises");
  EXPECT_EQ(put(digest.text(), {"promised"}).status, 201);
  EXPECT_EQ(store_.read_file("blobs/" + digest.file_name()), "promised");
}

}  // namespace
}  // namespace hearth::server::ollama
