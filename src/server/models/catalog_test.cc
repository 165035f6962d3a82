#include "server/models/catalog.h"

#include <gtest/gtest.h>

#include <fstream>

#include "tests/support/temporary_folder.h"

namespace hearth::server {
namespace {

namespace fs = std::filesystem;

class CatalogTest : public ::testing::Test {
 protected:
  void write(const std::string& name, const std::string& text = "GGUF") {
    fs::create_directories((folder_ / name).parent_path());
    std::ofstream(folder_ / name) << text;
  }
  std::vector<std::string> names() {
    std::vector<std::string> names;
    for (const CatalogEntry& entry : catalog_.entries()) names.push_back(entry.name);
    return names;
  }

  hearth::testing::TemporaryFolder folder_;
  Catalog catalog_{folder_.path()};
};

TEST_F(CatalogTest, FilesAndFolders_HaveNames) {
  write("tiny.gguf");
  write("Llama-3.Q4_K_M.GGUF");
  write("qwen:q8.gguf");
  write("phi-3/config.json", "{}");
  write("phi-3/model.safetensors", "1234");
  write("no-model/readme.txt");
  write("notes.txt");
  EXPECT_EQ(names(),
            (std::vector<std::string>{"Llama-3.Q4_K_M:latest", "phi-3:latest", "qwen:q8", "tiny:latest"}));
  EXPECT_EQ(catalog_.find("phi-3")->size_bytes, 6);
  EXPECT_TRUE(catalog_.warnings().empty());
}

TEST_F(CatalogTest, Name_IsFoundAsClientsWriteIt) {
  write("Tiny.gguf");
  for (const char* name : {"Tiny", "tiny", "TINY:LATEST", "tiny:latest", "library/tiny",
                           "registry.ollama.ai/library/tiny:latest"}) {
    ASSERT_TRUE(catalog_.find(name)) << name;
    EXPECT_EQ(catalog_.find(name)->name, "Tiny:latest");
  }
  for (const char* name : {"tin", "tiny:q4", "", ":", "../tiny", "tiny/", "tiny:", "a/b/c"}) {
    ASSERT_FALSE(catalog_.find(name)) << name;
    EXPECT_EQ(catalog_.find(name).error().code(), ErrorCode::kNotFound) << name;
  }
  EXPECT_EQ(catalog_.find("x").error().message(), "model 'x' not found");
}

TEST_F(CatalogTest, SplitModel_IsOneOfAllItsParts) {
  write("big-00001-of-00002.gguf", "12345");
  write("big-00002-of-00002.gguf", "678");
  EXPECT_EQ(names(), std::vector<std::string>{"big:latest"});
  EXPECT_EQ(catalog_.find("big")->size_bytes, 8);
}

TEST_F(CatalogTest, TwoOfOneName_TheFirstWinsAndIsSaid) {
  write("TINY.gguf", "a");
  write("tiny.gguf", "bc");
  EXPECT_EQ(names(), std::vector<std::string>{"TINY:latest"});
  EXPECT_EQ(catalog_.find("tiny")->size_bytes, 1);
  ASSERT_EQ(catalog_.warnings().size(), 1U);
  EXPECT_NE(catalog_.warnings()[0].find("tiny.gguf"), std::string::npos);
}

TEST_F(CatalogTest, StrangeFileNames_BecomeNamesThatCanBeWritten) {
  write("my model (1).gguf");
  write("-x.gguf");
  write("\xE4\xBD\xA0.gguf");
  EXPECT_EQ(names(), (std::vector<std::string>{"my-model--1-:latest", "x:latest"}));
  for (const std::string& name : names()) EXPECT_TRUE(catalog_.find(name)) << name;
  EXPECT_EQ(catalog_.warnings().size(), 1U);
}

TEST_F(CatalogTest, Digest_ChangesWithTheFile) {
  write("tiny.gguf", "one");
  const std::string before = catalog_.find("tiny")->digest;
  EXPECT_EQ(before.size(), 64U);
  EXPECT_EQ(before.find_first_not_of("0123456789abcdef"), std::string::npos);
  EXPECT_EQ(catalog_.find("tiny")->digest, before);
  write("tiny.gguf", "longer");
  EXPECT_NE(catalog_.find("tiny")->digest, before);
}

TEST_F(CatalogTest, NewFile_IsSeenAtOnce) {
  EXPECT_TRUE(names().empty());
  write("tiny.gguf");
  EXPECT_TRUE(catalog_.find("tiny"));
  fs::remove(folder_ / "tiny.gguf");
  EXPECT_FALSE(catalog_.find("tiny"));
}

TEST_F(CatalogTest, LinkThatWasPutThere_IsFollowed) {
  const hearth::testing::TemporaryFolder elsewhere;
  std::ofstream(elsewhere / "real.gguf") << "GGUF";
  fs::create_symlink(elsewhere / "real.gguf", folder_ / "linked.gguf");
  fs::create_symlink(elsewhere / "gone.gguf", folder_ / "broken.gguf");
  EXPECT_EQ(names(), std::vector<std::string>{"linked:latest"});
  EXPECT_EQ(catalog_.warnings().size(), 1U);
}

TEST_F(CatalogTest, SingleFile_IsTheOnlyModel) {
  write("tiny.gguf");
  write("other.gguf");
  Catalog single(folder_ / "tiny.gguf");
  ASSERT_EQ(single.entries().size(), 1U);
  EXPECT_TRUE(single.find("tiny"));
  EXPECT_FALSE(single.find("other"));
}

}  // namespace
}  // namespace hearth::server
