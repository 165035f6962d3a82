#include "store/manifest_index.h"

#include <gtest/gtest.h>

#include "store/store_fixture.h"

namespace hearth::store {
namespace {

namespace fs = std::filesystem;

constexpr const char* kLibrary = "manifests/registry.ollama.ai/library/";

std::vector<std::string> look(ManifestIndex& index) {
  const auto looked = index.look();
  EXPECT_TRUE(looked) << looked.error().message();
  std::vector<std::string> keys;
  for (const auto& [key, file] : index.by_key()) {
    EXPECT_TRUE(fs::exists(fs::symlink_status(file.path)));
    keys.push_back(key.substr(key.find("library/") + 8));
  }
  return keys;
}

// As if nobody had touched the folders for a while: what is not settled is listed anyway.
void age_folders(const TestStore& store) {
  const auto then = fs::file_time_type::clock::now() - std::chrono::hours(1);
  for (const auto& entry : fs::recursive_directory_iterator(store.root()))
    fs::last_write_time(entry.path(), then);
}

TEST(ManifestIndex, ChangesOfOthers_AreSeenAtTheNextLook) {
  const TestStore store;
  ManifestIndex index(store.root());
  EXPECT_TRUE(look(index).empty());
  store.put_file(std::string(kLibrary) + "a/latest", "1");
  EXPECT_EQ(look(index), std::vector<std::string>{"a:latest"});
  store.put_file(std::string(kLibrary) + "B/q4", "2");
  store.put_file(std::string(kLibrary) + "a/q4", "3");
  store.put_file(std::string(kLibrary) + "a/.hidden", "no name");
  EXPECT_EQ(look(index), (std::vector<std::string>{"a:latest", "a:q4", "b:q4"}));
  fs::remove_all(store.root() / kLibrary / "a");
  EXPECT_EQ(look(index), std::vector<std::string>{"b:q4"});
  store.put_file("manifests-v2/registry.ollama.ai/library/b/q4", "4");
  EXPECT_EQ(look(index), std::vector<std::string>{"b:q4"});
  EXPECT_EQ(index.by_key().begin()->second.name.model, "b") << "the newer layout's";
  fs::remove_all(store.root() / "manifests-v2");
  EXPECT_EQ(look(index), std::vector<std::string>{"b:q4"});
  EXPECT_EQ(index.by_key().begin()->second.name.model, "B");
  fs::remove_all(store.root() / "manifests");
  EXPECT_TRUE(look(index).empty());
}

TEST(ManifestIndex, AgreesWithAFreshOne_HoweverFastThingsChange) {
  const TestStore store;
  ManifestIndex index(store.root());
  for (int i = 0; i < 300; ++i) {
    const std::string name = kLibrary + ("m" + std::to_string(i * 7 % 20)) + "/t" + std::to_string(i % 3);
    if (i % 5 == 4) {
      fs::remove(store.root() / name);
    } else {
      store.put_file(name, "x");
    }
    if (i % 50 == 49) age_folders(store);
    ManifestIndex fresh(store.root());
    ASSERT_EQ(look(index), look(fresh)) << i;
  }
}

TEST(FileStamp, IsSettledOnceTheLastChangeIsWellBefore) {
  using std::chrono::seconds;
  const std::chrono::system_clock::time_point now{seconds(1000)};
  FileStamp stamp;
  stamp.modified_ns = 1'000'000'000'000;
  stamp.changed_ns = 900'000'000'000;
  EXPECT_FALSE(stamp.is_settled(now));
  EXPECT_FALSE(stamp.is_settled(now + seconds(1)));
  EXPECT_TRUE(stamp.is_settled(now + seconds(2)));
  stamp.changed_ns = 1'001'000'000'000;
  EXPECT_FALSE(stamp.is_settled(now + seconds(2)));
}

}  // namespace
}  // namespace hearth::store
