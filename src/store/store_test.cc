#include "store/store.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <cstdlib>
#include <random>
#include <thread>

#include "store/store_fixture.h"
#include "tests/support/sanitized.h"

namespace hearth::store {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> names_in(const Store& store) {
  std::vector<std::string> names;
  const auto files = store.manifest_files();
  for (const ManifestFile& file : *files) names.push_back(file.name.text());
  return names;
}

TEST(Store, WrittenByOllama_IsRead) {
  const TestStore store;
  const std::string tiny = store.put_manifest_blobs("tiny model");
  const std::string user = store.put_manifest_blobs("another");
  store.put_file("manifests/registry.ollama.ai/library/Tiny/latest", tiny);
  store.put_file("manifests/hf.co/user/repo-GGUF/Q4_K_M", user);
  store.put_file("manifests/registry.ollama.ai/library/.DS_Store", "x");
  store.put_file("manifests/registry.ollama.ai/library/tiny/.manifest-123", "x");
  ASSERT_TRUE(Store::is_store(store.root()));
  EXPECT_EQ(names_in(*store), (std::vector<std::string>{"hf.co/user/repo-GGUF:Q4_K_M", "Tiny:latest"}));
  for (const char* name : {"tiny", "TINY:Latest", "library/tiny", "registry.ollama.ai/library/tiny:latest"}) {
    const auto stored = store->manifest(name_of(name));
    ASSERT_TRUE(stored) << stored.error().message();
    EXPECT_EQ(stored->bytes, tiny);
    EXPECT_EQ(stored->digest, Digest::of(tiny));
    EXPECT_EQ(stored->name.text(), "Tiny:latest");
    EXPECT_EQ(*store->read_blob(stored->manifest.layers[0].digest, 100), "tiny model");
  }
  EXPECT_EQ(store->manifest(name_of("none")).error().message(), "model 'none:latest' not found");
  EXPECT_EQ(store.count_files("hearth"), 0U) << "reading makes nothing";
}

TEST(Store, LinkedManifests_AreReadAndNoOtherLinkIs) {
  const TestStore store;
  const std::string manifest = store.put_manifest_blobs("model");
  const Layer blob = store.put_blob("", manifest);
  const fs::path folder = store.root() / "manifests-v2/registry.ollama.ai/library/new";
  fs::create_directories(folder);
  fs::create_symlink("../../../../blobs/" + blob.digest.file_name(), folder / "latest");
  fs::create_symlink("/etc/passwd", folder / "bad");
  fs::create_symlink("../../../../blobs/" + Digest::of("none").file_name(), folder / "gone");
  store.put_file("manifests/registry.ollama.ai/library/new/latest", store.put_manifest_blobs("old form"));
  EXPECT_EQ(store->manifest(name_of("new"))->bytes, manifest);
  EXPECT_EQ(store->manifest(name_of("new:bad")).error().code(), ErrorCode::kMalformed);
  EXPECT_FALSE(store->manifest(name_of("new:gone")));
  // A blob that is not what its name says is no manifest.
  store.put_file("blobs/" + blob.digest.file_name(), manifest + " ");
  EXPECT_EQ(store->manifest(name_of("new")).error().code(), ErrorCode::kMalformed);

  fs::remove(folder / "bad");
  fs::remove(folder / "gone");
  ASSERT_TRUE(store->write_manifest(name_of("NEW"), manifest));
  EXPECT_EQ(store->manifest(name_of("new"))->bytes, manifest) << "the link no longer hides it";
  EXPECT_EQ(store.read_file("manifests/registry.ollama.ai/library/new/latest"), manifest);
}

TEST(Store, ManifestIsWrittenVerbatimInTheSpellingThatIsThere) {
  const TestStore store;
  const std::string first = store.put_manifest_blobs("one");
  const std::string second = store.put_manifest_blobs("two");
  ASSERT_TRUE(store->write_manifest(name_of("Tiny:Q4"), first));
  EXPECT_EQ(store.read_file("manifests/registry.ollama.ai/library/Tiny/Q4"), first);
  ASSERT_TRUE(store->write_manifest(name_of("tiny:q4"), second));
  EXPECT_EQ(store.read_file("manifests/registry.ollama.ai/library/Tiny/Q4"), second);
  EXPECT_EQ(names_in(*store), std::vector<std::string>{"Tiny:Q4"});
  EXPECT_EQ(store.count_files("hearth/incoming"), 0U);
}

TEST(Store, FormerManifests_AreVersions) {
  const TestStore store;
  const std::string first = store.put_manifest_blobs("one");
  const std::string second = store.put_manifest_blobs("two");
  const ModelName name = name_of("tiny");
  for (const std::string& bytes : {first, first, second, second, first, second})
    ASSERT_TRUE(store->write_manifest(name, bytes));
  const auto versions = store->versions(name_of("TINY"));
  ASSERT_TRUE(versions);
  ASSERT_EQ(versions->size(), 3U);
  EXPECT_EQ((*versions)[0].digest, Digest::of(first));
  EXPECT_EQ((*versions)[1].digest, Digest::of(second));
  EXPECT_EQ((*versions)[2].digest, Digest::of(first));
  EXPECT_EQ((*versions)[0].number, 3U);
  EXPECT_EQ(store.read_file("hearth/history/registry.ollama.ai/library/tiny/latest/00000001-" +
                            Digest::of(first).hex()),
            first);
}

TEST(Store, ManifestOfBlobsThatAreNotThere_IsRefused) {
  const TestStore store;
  const std::string manifest = store.put_manifest_blobs("model");
  const Digest digest = Manifest::parse(manifest)->layers[0].digest;
  store.put_file("blobs/" + digest.file_name(), "longer");
  EXPECT_EQ(store->write_manifest(name_of("tiny"), manifest).error().code(), ErrorCode::kMalformed);
  fs::remove(store->blob_path(digest));
  const auto missing = store->write_manifest(name_of("tiny"), manifest);
  EXPECT_EQ(missing.error().code(), ErrorCode::kNotFound);
  EXPECT_NE(missing.error().message().find(digest.text()), std::string::npos);
  EXPECT_EQ(store->write_manifest(name_of("tiny"), "{}").error().code(), ErrorCode::kMalformed);
  EXPECT_TRUE(names_in(*store).empty());
}

TEST(Store, Copy_IsTheSameModel) {
  const TestStore store;
  const std::string manifest = store.put_manifest_blobs("model");
  ASSERT_TRUE(store->write_manifest(name_of("a"), manifest));
  ASSERT_TRUE(store->copy(name_of("A"), name_of("user/b:c")));
  EXPECT_EQ(store->manifest(name_of("user/b:c"))->bytes, manifest);
  EXPECT_EQ(store->copy(name_of("none"), name_of("b")).error().code(), ErrorCode::kNotFound);
}

TEST(Store, Remove_TakesWhatNothingElseNeeds) {
  const TestStore store;
  const std::string first = store.put_manifest_blobs("one");
  const std::string second = store.put_manifest_blobs("two");
  ASSERT_TRUE(store->write_manifest(name_of("a"), first));
  ASSERT_TRUE(store->write_manifest(name_of("a"), second));
  ASSERT_TRUE(store->copy(name_of("a"), name_of("b")));
  const auto removed = store->remove(name_of("A"));
  ASSERT_TRUE(removed) << removed.error().message();
  EXPECT_EQ(removed->blobs, std::vector<Digest>{Digest::of("one")})
      << "of the version; config and two are b's";
  EXPECT_EQ(removed->freed_bytes, 3U);
  EXPECT_FALSE(fs::exists(store.root() / "manifests/registry.ollama.ai/library/a"));
  EXPECT_TRUE(store->versions(name_of("a"))->empty());
  EXPECT_EQ(store->remove(name_of("a")).error().code(), ErrorCode::kNotFound);
  ASSERT_TRUE(store->remove(name_of("b")));
  EXPECT_EQ(store.count_files("blobs"), 0U);
}

TEST(Store, RemoveOfAModelInUse_LeavesItsBlob) {
  const TestStore store;
  ASSERT_TRUE(store->write_manifest(name_of("a"), store.put_manifest_blobs("one")));
  auto held = store->open_blob(Digest::of("one"));
  ASSERT_TRUE(held);
  ASSERT_TRUE(store->remove(name_of("a")));
  EXPECT_TRUE(store->has_blob(Digest::of("one")));
  store.age_blobs(std::chrono::hours(2));
  EXPECT_TRUE(store->collect_garbage()->blobs.empty());
  held->reset();
  EXPECT_EQ(store->collect_garbage()->blobs, std::vector<Digest>{Digest::of("one")});
}

TEST(Store, UnreadableManifest_CanBeRemovedAndStopsCollecting) {
  const TestStore store;
  ASSERT_TRUE(store->write_manifest(name_of("a"), store.put_manifest_blobs("one")));
  store.put_file("manifests/registry.ollama.ai/library/bad/latest", "{");
  store.put_blob("", "garbage");
  store.age_blobs(std::chrono::hours(2));
  const auto garbage = store->collect_garbage();
  ASSERT_FALSE(garbage);
  EXPECT_NE(garbage.error().message().find("bad:latest"), std::string::npos);
  ASSERT_TRUE(store->remove(name_of("a")));
  EXPECT_TRUE(store->has_blob(Digest::of("one"))) << "bad may need it";
  ASSERT_TRUE(store->remove(name_of("bad")));
  EXPECT_EQ(store->collect_garbage()->blobs.size(), 3U) << "its config, its model and the garbage";
}

TEST(Garbage, WhatIsNamedYoungInUseOrPartial_IsSpared) {
  const TestStore store;
  const std::string first = store.put_manifest_blobs("version");
  ASSERT_TRUE(store->write_manifest(name_of("a"), first));
  ASSERT_TRUE(store->write_manifest(name_of("a"), store.put_manifest_blobs("named")));
  store.put_blob("", "garbage");
  store.put_blob("", "used");
  store.put_file("blobs/" + Digest::of("x").file_name() + "-partial", "of Ollama");
  store.put_file("hearth/incoming/0123456789abcdef", "of a dead writer");
  const auto held = store->open_blob(Digest::of("used"));
  {
    auto partial = store->partial_blob(Digest::of("half"), 4);
    ASSERT_TRUE(partial->write(0, bytes_of("ha")));
  }
  auto living = store->new_blob();
  ASSERT_TRUE(living->append(bytes_of("living")));
  EXPECT_EQ(store->collect_garbage()->n_spared, 2U) << "too young";
  store.age_blobs(std::chrono::hours(2));
  store.put_blob("", "young");
  store.put_file("hearth/incoming/0123456789abcdef", "of a dead writer");

  const auto would = store->collect_garbage({.dry_run = true});
  EXPECT_EQ(would->blobs, std::vector<Digest>{Digest::of("garbage")});
  EXPECT_TRUE(store->has_blob(Digest::of("garbage")));
  const auto garbage = store->collect_garbage();
  ASSERT_TRUE(garbage) << garbage.error().message();
  EXPECT_EQ(garbage->blobs, would->blobs);
  EXPECT_EQ(garbage->n_abandoned_files, 1U);
  EXPECT_EQ(garbage->n_spared, 2U);
  EXPECT_EQ(garbage->size_bytes, std::string("garbageof a dead writer").size());
  for (const char* spared : {"version", "named", "used", "young"})
    EXPECT_TRUE(store->has_blob(Digest::of(spared)));
  EXPECT_TRUE(fs::exists(store->blob_path(Digest::of("x")).string() + "-partial"));
  EXPECT_TRUE(fs::exists(store.root() / "hearth/partial" / Digest::of("half").file_name()));
  EXPECT_EQ(*living->finish(), Digest::of("living"));
}

TEST(BlobWriter, OnlyWhatItsDigestSays_BecomesABlob) {
  const TestStore store;
  {
    auto writer = store->new_blob();
    ASSERT_TRUE(writer->append(bytes_of("content")));
    EXPECT_EQ(writer->finish(Digest::of("other")).error().code(), ErrorCode::kInvalidArgument);
  }
  EXPECT_EQ(store.count_files("blobs"), 0U);
  EXPECT_EQ(store.count_files("hearth/incoming"), 0U);
  EXPECT_EQ(*store->write_blob("content"), Digest::of("content"));
  EXPECT_EQ(*store->read_blob(Digest::of("content"), 100), "content");
  EXPECT_EQ(*store->write_blob("content"), Digest::of("content")) << "again";
  EXPECT_EQ(*store->write_blob(""), Digest::of(""));
  EXPECT_EQ(store->read_blob(Digest::of("content"), 6).error().code(), ErrorCode::kResourceExhausted);
}

TEST(BlobWriter, WhatAnotherWrote_IsTakenIn) {
  const TestStore store;
  const std::string text(3'000'000, 'w');
  auto writer = store->new_blob();
  ASSERT_EQ(::write(writer->descriptor(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  ASSERT_TRUE(writer->take_in());
  EXPECT_EQ(writer->size_bytes(), text.size());
  EXPECT_EQ(*writer->finish(), Digest::of(text));
  EXPECT_EQ(*store->read_blob(Digest::of(text), text.size()), text);
}

TEST(BlobWriter, DamagedBlob_IsReplaced) {
  const TestStore store;
  store.put_file("blobs/" + Digest::of("content").file_name(), "damaged");
  ASSERT_TRUE(store->write_blob("content"));
  EXPECT_EQ(*store->read_blob(Digest::of("content"), 100), "content");
}

TEST(Verify, EveryFault_IsNamed) {
  const TestStore store;
  const std::string text(10'000, 'm');
  ASSERT_TRUE(store->write_manifest(name_of("good"), store.put_manifest_blobs("good")));
  for (const char* name : {"missing", "short", "flipped", "zeroed"})
    ASSERT_TRUE(store->write_manifest(name_of(name), store.put_manifest_blobs(name + text)));
  ASSERT_TRUE(store->copy(name_of("flipped"), name_of("copy")));
  EXPECT_TRUE(store->verify()->faults.empty());
  EXPECT_EQ(store->verify()->n_blobs, 6U);

  const auto path = [&](const std::string& name) { return "blobs/" + Digest::of(name + text).file_name(); };
  fs::remove(store.root() / path("missing"));
  store.put_file(path("short"), "short" + text.substr(1));
  std::string flipped = "flipped" + text;
  flipped[5000] = static_cast<char>(flipped[5000] ^ 1);
  store.put_file(path("flipped"), flipped);
  store.put_file(path("zeroed"), std::string(text.size() + 6, '\0'));
  store.put_file("manifests/registry.ollama.ai/library/bad/latest", "{");

  const auto report = store->verify();
  ASSERT_TRUE(report);
  EXPECT_EQ(report->n_manifests, 7U);
  ASSERT_EQ(report->bad_manifests.size(), 1U);
  EXPECT_NE(report->bad_manifests[0].find("bad:latest"), std::string::npos);
  ASSERT_EQ(report->faults.size(), 4U);
  for (const BlobFault& fault : report->faults) {
    const std::string& model = fault.models.back().model;
    EXPECT_EQ(fault.digest, Digest::of(model + text));
    EXPECT_EQ(fault.kind, model == "missing" ? BlobFault::Kind::kMissing
                          : model == "short" ? BlobFault::Kind::kWrongSize
                                             : BlobFault::Kind::kWrongContent);
    EXPECT_EQ(fault.models.size(), model == "flipped" ? 2U : 1U);
  }
  EXPECT_TRUE(store->verify({name_of("good")})->faults.empty());
  EXPECT_EQ(store->verify({name_of("short")})->faults.size(), 1U);
  EXPECT_EQ(store->verify({name_of("none")}).error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(store->verify({}, [](uint64_t) { return false; }).error().code(), ErrorCode::kCancelled);
}

TEST(Verify, WhatWasVerified_IsRememberedUntilItChanges) {
  const TestStore store;
  const Layer blob = store.put_blob("", "content");
  EXPECT_FALSE(store->is_verified(blob.digest));
  ASSERT_TRUE(store->ensure_verified(blob.digest));
  EXPECT_TRUE(store->is_verified(blob.digest));
  const auto never = [](uint64_t) { return false; };
  EXPECT_TRUE(store->ensure_verified(blob.digest, never)) << "it is not read again";
  // Of the same size, a moment later: the times of the file tell.
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  store.put_file("blobs/" + blob.digest.file_name(), "CONTENT");
  EXPECT_FALSE(store->is_verified(blob.digest));
  EXPECT_EQ(store->ensure_verified(blob.digest).error().code(), ErrorCode::kMalformed);
  EXPECT_EQ(store->ensure_verified(Digest::of("none")).error().code(), ErrorCode::kNotFound);
  EXPECT_TRUE(store->is_verified(*store->write_blob("written here"))) << "it was hashed on its way in";
}

TEST(Store, TwoWritersAndACollector_LoseNothing) {
  const TestStore store;
  const auto write = [&](const std::string& who) {
    for (int i = 0; i < 12; ++i) {
      std::optional<BlobWriter> config;
      std::optional<BlobWriter> model;
      Manifest manifest;
      const std::string text = who + std::to_string(i);
      manifest.config = {std::string(media_type::kConfig), *store->write_blob("{}", &config), 2, "", ""};
      manifest.layers = {
          {std::string(media_type::kModel), *store->write_blob(text, &model), text.size(), "", ""}};
      for (const std::string& name : {who, std::string("shared")}) {
        const auto written = store->write_manifest(name_of(name), manifest.serialise());
        ASSERT_TRUE(written) << written.error().message();
      }
      if (i % 4 == 3) {
        ASSERT_TRUE(store->remove(name_of(who)));
      }
    }
  };
  std::atomic<bool> done = false;
  std::thread collector([&] {
    while (!done) {
      const auto garbage = store->collect_garbage({.min_age = std::chrono::seconds(0)});
      ASSERT_TRUE(garbage) << garbage.error().message();
      const auto report = store->verify();
      ASSERT_TRUE(report);
      for (const std::string& message : report->bad_manifests)
        ASSERT_NE(message.find("cannot be"), std::string::npos);
    }
  });
  std::thread a(write, "a");
  std::thread b(write, "b");
  a.join();
  b.join();
  done = true;
  collector.join();
  EXPECT_TRUE(store->verify()->faults.empty());
  EXPECT_EQ(store.count_files("hearth/incoming"), 0U);
}

// HEARTH_TEST_FLIPS: how many.
TEST(Verify, EachFlippedBit_IsNamedWithItsBlob) {
  const char* wish = std::getenv("HEARTH_TEST_FLIPS");
  const size_t n_flips =
      wish != nullptr ? std::strtoul(wish, nullptr, 10) : (hearth::testing::kSanitized ? 500 : 10'000);
  constexpr int kModels = 8;
  const TestStore store;
  std::vector<Layer> blobs;
  std::vector<ModelName> models;
  for (int i = 0; i < kModels; ++i) {
    models.push_back(name_of("m" + std::to_string(i)));
    const std::string manifest = store.put_manifest_blobs(std::string(static_cast<size_t>(700 * i + 1), 'x'));
    ASSERT_TRUE(store->write_manifest(models.back(), manifest));
    blobs.push_back(Manifest::parse(manifest)->layers[0]);
  }
  std::mt19937 random(1);
  for (size_t i = 0; i < n_flips; ++i) {
    const size_t chosen = random() % kModels;
    const uint64_t at = random() % blobs[chosen].size_bytes;
    const auto flip = [&, bit = random() % 8] {
      std::fstream file(store->blob_path(blobs[chosen].digest),
                        std::ios::binary | std::ios::in | std::ios::out);
      file.seekg(static_cast<std::streamoff>(at));
      const auto flipped = static_cast<char>(file.get() ^ (1 << bit));
      file.seekp(static_cast<std::streamoff>(at));
      file.put(flipped);
    };
    flip();
    const auto report = store->verify({models[chosen]});
    ASSERT_TRUE(report) << report.error().message();
    ASSERT_EQ(report->faults.size(), 1U) << "byte " << at << " of " << blobs[chosen].size_bytes;
    ASSERT_EQ(report->faults[0].digest, blobs[chosen].digest);
    ASSERT_EQ(report->faults[0].kind, BlobFault::Kind::kWrongContent);
    flip();
  }
  EXPECT_TRUE(store->verify()->faults.empty());
}

TEST(Store, WhatIsNoFolder_IsRefused) {
  const hearth::testing::TemporaryFolder folder;
  std::ofstream(folder / "file") << "x";
  EXPECT_EQ(Store::open(folder / "none").error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(Store::open(folder / "file").error().code(), ErrorCode::kInvalidArgument);
  EXPECT_FALSE(Store::is_store(folder.path()));
  EXPECT_FALSE(Store::is_store(folder / "none"));
}

TEST(Store, BlobThatIsALinkOrAPipe_IsNone) {
  const TestStore store;
  fs::create_directories(store.root() / "blobs");
  fs::create_symlink("/etc/passwd", store->blob_path(Digest::of("link")));
  ASSERT_EQ(::mkfifo(store->blob_path(Digest::of("pipe")).c_str(), 0600), 0);
  for (const char* what : {"link", "pipe"}) {
    EXPECT_FALSE(store->has_blob(Digest::of(what)));
    EXPECT_FALSE(store->open_blob(Digest::of(what)));
    EXPECT_FALSE(store->read_blob(Digest::of(what), 1'000'000));
    EXPECT_FALSE(store->ensure_verified(Digest::of(what)));
  }
}

}  // namespace
}  // namespace hearth::store
