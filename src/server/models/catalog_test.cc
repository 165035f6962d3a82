#include "server/models/catalog.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <ctime>
#include <fstream>
#include <thread>

#include "server/models/model_files.h"
#include "store/store_fixture.h"
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

// --- The store

class StoredModelsTest : public ::testing::Test {
 protected:
  void put_model(const std::string& name, const std::string& weights) {
    const auto parsed = store::ModelName::parse(name);
    store_.put_file("manifests/" + parsed->manifest_path().string(), store_.put_manifest_blobs(weights));
  }

  // What was written a moment ago is read each time: it could change without changing its times.
  static void let_it_settle() { std::this_thread::sleep_for(std::chrono::milliseconds(2100)); }

  store::TestStore store_;
  Catalog catalog_{store_.root()};
};

TEST_F(StoredModelsTest, StoreAndFiles_AreOneCatalog) {
  put_model("Tiny:q4", "weights");
  put_model("hf.co/user/repo:Q8_0", "other");
  store_.put_file("beside.gguf", "GGUF");
  store_.put_file("tiny:q4.gguf", "GGUF");
  std::vector<std::string> names;
  for (const CatalogEntry& entry : catalog_.entries()) names.push_back(entry.name);
  EXPECT_EQ(names, (std::vector<std::string>{"hf.co/user/repo:Q8_0", "beside:latest", "Tiny:q4"}));
  EXPECT_EQ(catalog_.warnings().size(), 1U) << "of the file that the store hides";

  const auto entry = catalog_.find("library/TINY:Q4");
  ASSERT_TRUE(entry);
  ASSERT_TRUE(entry->stored);
  const auto stored = store_->manifest(*store::ModelName::parse("tiny:q4"));
  EXPECT_EQ(entry->digest, stored->digest.hex());
  EXPECT_EQ(entry->size_bytes, static_cast<int64_t>(stored->manifest.size_bytes()));
  EXPECT_EQ(entry->modified_at, stored->modified_at);
  EXPECT_EQ(entry->stored->config.family, "llama");
  EXPECT_EQ(entry->path, store_->blob_path(store::Digest::of("weights")).string());
}

TEST_F(StoredModelsTest, ManifestThatChanges_IsSeen) {
  put_model("tiny", "one");
  let_it_settle();
  const auto before = catalog_.find("tiny");
  EXPECT_EQ(catalog_.find("tiny")->stored, before->stored) << "not read again";
  EXPECT_EQ(catalog_.entries()[0].stored, before->stored);
  ASSERT_TRUE(store_->write_manifest(*store::ModelName::parse("tiny"), store_.put_manifest_blobs("two")));
  EXPECT_NE(catalog_.find("tiny")->digest, before->digest);
  ASSERT_TRUE(store_->remove(*store::ModelName::parse("tiny")));
  EXPECT_FALSE(catalog_.find("tiny"));
}

// The same size, within the same tick of the clock, in the same inode: as a program writes in place.
TEST_F(StoredModelsTest, ManifestWrittenInPlace_IsSeen) {
  const std::string one = store_.put_manifest_blobs("one");
  const std::string two = store_.put_manifest_blobs("two");
  ASSERT_EQ(one.size(), two.size());
  const std::string file = "manifests/registry.ollama.ai/library/tiny/latest";
  for (int i = 0; i < 50; ++i) {
    store_.put_file(file, i % 2 == 0 ? one : two);
    ASSERT_EQ(catalog_.find("tiny")->stored->manifest.bytes, i % 2 == 0 ? one : two);
    ASSERT_EQ(catalog_.entries()[0].stored->manifest.bytes, i % 2 == 0 ? one : two);
  }
}

TEST_F(StoredModelsTest, OneModel_IsFoundWithoutReadingTheOthers) {
  put_model("tiny", "one");
  store_.put_file("manifests/registry.ollama.ai/library/bad/latest", "{");
  ASSERT_TRUE(catalog_.find("tiny"));
  EXPECT_TRUE(catalog_.warnings().empty()) << "the bad one was read";
  ASSERT_TRUE(catalog_.find("TINY")) << "another spelling takes a look at all";
  EXPECT_EQ(catalog_.warnings().size(), 1U);
}

TEST_F(StoredModelsTest, WhatCannotBeRead_IsLeftOutAndSaid) {
  put_model("good", "weights");
  store_.put_file("manifests/registry.ollama.ai/library/bad/latest", R"({"schemaVersion":2})");
  EXPECT_EQ(catalog_.entries().size(), 1U);
  ASSERT_EQ(catalog_.warnings().size(), 1U);
  EXPECT_NE(catalog_.warnings()[0].find("bad:latest"), std::string::npos);
}

TEST_F(StoredModelsTest, Adapter_IsAFileOfTheModel_AndTheOnlyOne) {
  auto manifest = *store::Manifest::parse(store_.put_manifest_blobs("weights"));
  store_.put_file("manifests/registry.ollama.ai/library/base/latest", manifest.serialise());
  const auto opened = [&] {
    store_.put_file("manifests/registry.ollama.ai/library/tuned/latest", manifest.serialise());
    return open_model_files(*catalog_.find("tuned"));
  };
  manifest.layers.push_back(store_.put_blob(store::media_type::kAdapter, "adapter"));
  const auto files = opened();
  ASSERT_TRUE(files) << files.error().message();
  EXPECT_EQ(files->name, "model.gguf");
  const auto bytes_of = [](const UniqueDescriptor& file) {
    std::string bytes(7, '\0');
    EXPECT_EQ(::pread(file.get(), bytes.data(), bytes.size(), 0), 7);
    return bytes;
  };
  ASSERT_EQ(files->files.size(), 1U);
  EXPECT_EQ(bytes_of(files->files[0].descriptor), "weights");
  ASSERT_TRUE(files->adapter);
  EXPECT_EQ(files->adapter->name, "adapter.gguf");
  EXPECT_EQ(files->adapter->id, store::Digest::of("adapter").text());
  EXPECT_EQ(files->adapter->size_bytes, 7U);
  EXPECT_EQ(bytes_of(files->adapter->descriptor), "adapter");
  EXPECT_EQ(open_model_files(*catalog_.find("base"))->weights_id, files->weights_id);
  store_.put_file("manifests/registry.ollama.ai/library/other/latest", store_.put_manifest_blobs("strange"));
  EXPECT_NE(open_model_files(*catalog_.find("other"))->weights_id, files->weights_id);
  manifest.layers.push_back(store_.put_blob(store::media_type::kAdapter, "another"));
  const auto refused = opened();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kUnsupported);
  EXPECT_NE(refused.error().message().find("2 adapters, and one is the most"), std::string::npos);
}

TEST_F(StoredModelsTest, SplitModel_IsOpenedInTheOrderOfItsParts) {
  auto manifest = *store::Manifest::parse(store_.put_manifest_blobs("second"));
  manifest.layers.push_back(store_.put_blob(store::media_type::kModel, "first!"));
  const auto opened = [&] {
    store_.put_file("manifests/registry.ollama.ai/library/big/latest", manifest.serialise());
    const auto files = open_model_files(*catalog_.find("big"));
    EXPECT_TRUE(files) << files.error().message();
    EXPECT_EQ(files->name, "model-00001-of-00002.gguf");
    std::vector<std::string> contents;
    for (const ModelFiles::File& file : files->files) {
      char bytes[6];
      EXPECT_EQ(::pread(file.descriptor.get(), bytes, sizeof(bytes), 0), 6);
      contents.push_back(file.name + " " + std::string(bytes, sizeof(bytes)));
    }
    return contents;
  };
  EXPECT_EQ(opened(), (std::vector<std::string>{"model-00001-of-00002.gguf second",
                                                "model-00002-of-00002.gguf first!"}))
      << "as the manifest has them";
  manifest.layers[0].name = "big-00002-of-00002.gguf";
  manifest.layers[1].name = "big-00001-of-00002.gguf";
  EXPECT_EQ(opened(), (std::vector<std::string>{"model-00001-of-00002.gguf first!",
                                                "model-00002-of-00002.gguf second"}));
}

TEST_F(StoredModelsTest, OpenModel_IsInUse) {
  put_model("tiny", "weights");
  auto files = open_model_files(*catalog_.find("tiny"));
  ASSERT_TRUE(files) << files.error().message();
  EXPECT_EQ(files->files[0].name, "model.gguf");
  ASSERT_TRUE(store_->remove(*store::ModelName::parse("tiny")));
  EXPECT_TRUE(store_->has_blob(store::Digest::of("weights")));
  files->files.clear();
  EXPECT_EQ(store_->collect_garbage({.min_age = std::chrono::seconds(0)})->blobs.size(), 1U);
}

TEST_F(StoredModelsTest, ThousandModels_AreReadOnce) {
  const std::string manifest = store_.put_manifest_blobs("weights");
  for (int i = 0; i < 1000; ++i)
    store_.put_file("manifests/registry.ollama.ai/library/m" + std::to_string(i) + "/latest", manifest);
  let_it_settle();
  EXPECT_EQ(catalog_.entries().size(), 1000U);
  const auto first = catalog_.find("m7")->stored;
  const std::clock_t began = std::clock();
  EXPECT_EQ(catalog_.entries().size(), 1000U);
  // Of this process: others may be busy. Read again, it would be many times that.
  RecordProperty("listing_cpu_us", std::to_string((std::clock() - began) * 1'000'000 / CLOCKS_PER_SEC));
  EXPECT_EQ(catalog_.find("m7")->stored, first);
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
