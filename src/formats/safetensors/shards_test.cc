#include "formats/safetensors/shards.h"

#include <gtest/gtest.h>

#include "tests/support/safetensors_writer.h"
#include "tests/support/temporary_folder.h"

namespace hearth::safetensors {
namespace {

namespace fs = std::filesystem;
using testing::SafetensorsWriter;
using testing::write_file;

class ShardsTest : public ::testing::Test {
 protected:
  // A file of one tensor of one byte.
  void put(const std::string& file, const std::string& tensor) {
    write_file(root_.path() / file, SafetensorsWriter().add(tensor, "U8", {1}, "x").build());
  }
  void put_index(const std::string& weight_map) {
    write_file(root_.path() / "model.safetensors.index.json",
               R"({"metadata":{"total_size":2},"weight_map":)" + weight_map + "}");
  }
  Result<Shards> open() const { return Shards::open(*Folder::open(root_.path())); }
  void expect_error(ErrorCode code, std::initializer_list<std::string_view> parts) const {
    const auto shards = open();
    ASSERT_FALSE(shards);
    EXPECT_EQ(shards.error().code(), code) << shards.error().message();
    for (const std::string_view part : parts) {
      EXPECT_NE(shards.error().message().find(part), std::string::npos)
          << "'" << part << "' in: " << shards.error().message();
    }
  }

  testing::TemporaryFolder root_;
};

TEST_F(ShardsTest, OneFile_IsRead) {
  put("model.safetensors", "a");
  put("another.safetensors", "b");
  const auto shards = open();
  ASSERT_TRUE(shards) << shards.error().message();
  EXPECT_EQ(shards->tensors().size(), 1U);
  EXPECT_NE(shards->find_tensor("a"), nullptr);
  EXPECT_EQ(shards->find_tensor("b"), nullptr);
}

TEST_F(ShardsTest, TheOnlyFileOfAnotherName_IsTheModel_AndOfTwoNeither) {
  put("gptq_model-4bit-128g.safetensors", "a");
  EXPECT_TRUE(open());
  put("gptq_model-8bit.safetensors", "a");
  expect_error(ErrorCode::kNotFound, {"found 2 other"});
}

TEST_F(ShardsTest, FilesOfAnIndex_AreReadTogether) {
  put("model-00001-of-00002.safetensors", "a");
  put("model-00002-of-00002.safetensors", "b");
  put_index(R"({"a":"model-00001-of-00002.safetensors","b":"model-00002-of-00002.safetensors"})");
  const auto shards = open();
  ASSERT_TRUE(shards) << shards.error().message();
  EXPECT_EQ(shards->files().size(), 2U);
  EXPECT_EQ(shards->tensors().size(), 2U);
  ASSERT_NE(shards->find_tensor("b"), nullptr);
  EXPECT_EQ(shards->find_tensor("b")->name, "b");
}

TEST_F(ShardsTest, IndexAndFilesThatDisagree_SayWhere) {
  put("1.safetensors", "a");
  put("2.safetensors", "b");
  put_index(R"({"a":"1.safetensors","b":"3.safetensors"})");
  expect_error(ErrorCode::kNotFound, {"3.safetensors"});
  put_index(R"({"a":"1.safetensors","c":"2.safetensors"})");
  expect_error(ErrorCode::kMalformed, {"tensor c", "nowhere"});
  put_index(R"({"a":"2.safetensors","b":"1.safetensors"})");
  expect_error(ErrorCode::kMalformed, {"tensor a", "expected it in 2.safetensors", "in 1.safetensors"});
  put_index(R"({"a":"1.safetensors","a":"2.safetensors"})");
  expect_error(ErrorCode::kMalformed, {"\"a\"", "once"});
  write_file(root_.path() / "2.safetensors",
             SafetensorsWriter().add("b", "U8", {1}, "x").add("c", "U8", {1}, "x").build());
  put_index(R"({"a":"1.safetensors","b":"2.safetensors"})");
  expect_error(ErrorCode::kMalformed, {"tensor c", "2.safetensors only"});
}

TEST_F(ShardsTest, TensorInTwoFiles_IsRefused) {
  put("1.safetensors", "a");
  write_file(root_.path() / "2.safetensors",
             SafetensorsWriter().add("b", "U8", {1}, "x").add("a", "U8", {1}, "x").build());
  put_index(R"({"a":"1.safetensors","b":"2.safetensors"})");
  expect_error(ErrorCode::kMalformed, {"tensor a", "2.safetensors", "1.safetensors too"});
}

TEST_F(ShardsTest, IndexThatIsNone_SaysWhat) {
  const std::pair<const char*, std::string_view> cases[] = {
      {"[]", "object weight_map"},
      {"\"x\"", "object weight_map"},
      {"{}", "weight_map: expected tensors"},
      {R"({"a":1})", "tensor a: expected a file's name"}};
  for (const auto& [map, expected] : cases) {
    put_index(map);
    expect_error(ErrorCode::kMalformed, {expected});
  }
  write_file(root_.path() / "model.safetensors.index.json", "[]");
  expect_error(ErrorCode::kMalformed, {"object weight_map"});
}

TEST_F(ShardsTest, NamesThatLeadElsewhere_AreRefused) {
  const fs::path folder = root_.path() / "model";
  fs::create_directory(folder);
  put("secret.safetensors", "a");
  for (const char* name :
       {"../secret.safetensors", "/tmp/x.safetensors", "a/b.safetensors", "..\\\\x.safetensors"}) {
    write_file(folder / "model.safetensors.index.json",
               std::string(R"({"weight_map":{"a":")") + name + "\"}}");
    const auto shards = Shards::open(*Folder::open(folder));
    ASSERT_FALSE(shards) << name;
    EXPECT_EQ(shards.error().code(), ErrorCode::kInvalidArgument) << shards.error().message();
  }
}

TEST_F(ShardsTest, PickledWeights_AreNeverRead) {
  for (const char* name :
       {"pytorch_model.bin", "model.pt", "consolidated.00.pth", "model.pkl", "model.ckpt"}) {
    const testing::TemporaryFolder folder;
    write_file(folder.path() / name, "cos\nsystem\n(S'true'\ntR.");
    const auto shards = Shards::open(*Folder::open(folder.path()));
    ASSERT_FALSE(shards);
    EXPECT_EQ(shards.error().code(), ErrorCode::kUnsupported);
    for (const std::string_view part : {std::string_view(name), std::string_view("programs that run"),
                                        std::string_view("safetensors.torch.save_file")}) {
      EXPECT_NE(shards.error().message().find(part), std::string::npos) << shards.error().message();
    }
  }
  put("x.bin.safetensors", "a");
  put_index(R"({"a":"pytorch_model.bin"})");
  expect_error(ErrorCode::kUnsupported, {"pytorch_model.bin"});
}

TEST_F(ShardsTest, EmptyFolder_SaysWhatIsWanted) {
  expect_error(ErrorCode::kNotFound, {"model.safetensors or model.safetensors.index.json", "neither"});
}

}  // namespace
}  // namespace hearth::safetensors
