#include "server/models/model_files.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "tests/support/temporary_folder.h"

namespace hearth::server {
namespace {

namespace fs = std::filesystem;

class ModelFilesTest : public ::testing::Test {
 protected:
  void write(const std::string& name) {
    fs::create_directories((folder_ / name).parent_path());
    std::ofstream(folder_ / name) << name;
  }
  static std::vector<std::string> names(const ModelFiles& files) {
    std::vector<std::string> names;
    for (const ModelFiles::File& file : files.files) names.push_back(file.name);
    return names;
  }

  hearth::testing::TemporaryFolder folder_;
};

TEST_F(ModelFilesTest, File_IsOpenUnderItsNameAlone) {
  write("tiny.gguf");
  const auto files = open_model_files(folder_ / "tiny.gguf");
  ASSERT_TRUE(files) << files.error().message();
  EXPECT_EQ(files->name, "tiny.gguf");
  EXPECT_EQ(names(*files), std::vector<std::string>{"tiny.gguf"});
  char bytes[4];
  EXPECT_EQ(::read(files->files[0].descriptor.get(), bytes, 4), 4);
  EXPECT_EQ(::write(files->files[0].descriptor.get(), bytes, 4), -1);
}

TEST_F(ModelFilesTest, Split_IsAllItsParts) {
  write("big-00001-of-00002.gguf");
  EXPECT_EQ(open_model_files(folder_ / "big-00001-of-00002.gguf").error().code(), ErrorCode::kNotFound);
  write("big-00002-of-00002.gguf");
  const auto files = open_model_files(folder_ / "big-00001-of-00002.gguf");
  ASSERT_TRUE(files);
  EXPECT_EQ(names(*files), (std::vector<std::string>{"big-00001-of-00002.gguf", "big-00002-of-00002.gguf"}));
}

TEST_F(ModelFilesTest, Folder_IsWhatAModelCanNeed) {
  for (const char* name :
       {"qwen/config.json", "qwen/model.safetensors", "qwen/tokenizer.model", "qwen/merges.txt",
        "qwen/chat_template.jinja", "qwen/model.py", "qwen/pytorch_model.bin", "qwen/sub/x.json"}) {
    write(name);
  }
  const auto files = open_model_files(folder_ / "qwen");
  ASSERT_TRUE(files) << files.error().message();
  EXPECT_EQ(files->name, "qwen");
  EXPECT_EQ(names(*files),
            (std::vector<std::string>{"qwen/chat_template.jinja", "qwen/config.json", "qwen/merges.txt",
                                      "qwen/model.safetensors", "qwen/tokenizer.model"}));
}

TEST_F(ModelFilesTest, LinkOutOfAFolder_IsRefusedWithoutItsTarget) {
  write("qwen/config.json");
  fs::create_symlink("/etc/passwd", folder_ / "qwen/secret.json");
  const auto files = open_model_files(folder_ / "qwen");
  ASSERT_FALSE(files);
  EXPECT_EQ(files.error().message().find("/etc/passwd"), std::string::npos);
}

TEST_F(ModelFilesTest, WhatIsNoFile_IsRefused) {
  ASSERT_EQ(::mkfifo((folder_ / "pipe.gguf").c_str(), 0600), 0);
  EXPECT_EQ(open_model_files(folder_ / "pipe.gguf").error().code(), ErrorCode::kInvalidArgument);
  const auto missing = open_model_files(folder_ / "none.gguf");
  EXPECT_EQ(missing.error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(missing.error().message().find(folder_.path().string()), std::string::npos);
}

}  // namespace
}  // namespace hearth::server
