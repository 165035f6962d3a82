#include "store/model_archive.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <functional>
#include <nlohmann/json.hpp>
#include <thread>

#include "store/files.h"
#include "store/store_fixture.h"
#include "store/versions.h"

namespace hearth::store {
namespace {

namespace fs = std::filesystem;
using hearth::testing::TemporaryFolder;

// A tar written by hand, as a program that means harm would.
class Tar {
 public:
  struct Entry {
    std::string name;
    std::string bytes;
    char type = '0';
    std::string link = {};
    std::optional<uint64_t> says = std::nullopt;  // the size that the head tells
  };
  Tar& add(const Entry& entry) {
    std::string head(512, '\0');
    const auto put = [&](size_t at, const std::string& text) { head.replace(at, text.size(), text); };
    put(0, entry.name);
    put(100, "0000644");
    put(108, "0000000");
    put(116, "0000000");
    put(124, fmt::format("{:011o}", entry.says.value_or(entry.bytes.size())));
    put(136, "00000000000");
    put(148, "        ");
    head[156] = entry.type;
    put(157, entry.link);
    put(257, std::string("ustar\0"
                         "00",
                         8));
    unsigned sum = 0;
    for (const char c : head) sum += static_cast<unsigned char>(c);
    put(148, fmt::format("{:06o}", sum) + std::string("\0 ", 2));
    bytes_ += head + entry.bytes;
    bytes_.resize((bytes_.size() + 511) / 512 * 512, '\0');
    return *this;
  }
  std::string finish() const { return bytes_ + std::string(1024, '\0'); }

 private:
  std::string bytes_;
};

class Archives : public ::testing::Test {
 protected:
  UniqueDescriptor open(const std::string& name) const {
    return UniqueDescriptor(::open((folder_ / name).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  }
  Result<Exported> export_to(const std::string& file, const std::vector<std::string>& names) const {
    std::vector<StoredManifest> models;
    for (const std::string& name : names) models.push_back(*from_->manifest(name_of(name)));
    return export_models(*from_, models, open(file).get());
  }
  Result<std::vector<ImportedModel>> import_from(const std::string& file, const ImportOptions& options = {}) {
    return import_models(*to_, open(file).get(), options);
  }
  Result<std::vector<ImportedModel>> import_bytes(const std::string& bytes,
                                                  const ImportOptions& options = {}) {
    std::ofstream(folder_ / "bytes", std::ios::binary) << bytes;
    return import_from("bytes", options);
  }
  std::string bytes_in(const std::string& file) const {
    std::ostringstream bytes;
    bytes << std::ifstream(folder_ / file, std::ios::binary).rdbuf();
    return bytes.str();
  }
  void write(const std::string& name, const std::string& model) const {
    ASSERT_TRUE(from_->write_manifest(name_of(name), from_.put_manifest_blobs(model)));
  }
  void expect_nothing_imported() const {
    EXPECT_TRUE(to_->manifest_files()->empty());
    EXPECT_EQ(to_.count_files("blobs"), 0U);
    EXPECT_EQ(to_.count_files("hearth/incoming"), 0U);
    EXPECT_EQ(to_.count_files("hearth/signatures"), 0U);
  }
  // Of one model whose weights are "weights", with what a test changes.
  struct Parts {
    std::string layout = R"({"imageLayoutVersion":"1.0.0"})";
    std::string name = "registry.ollama.ai/library/tiny:latest";
    std::string weights = "weights";
    std::function<void(Tar&)> before = [](Tar&) {};
    std::function<void(Tar&)> after = [](Tar&) {};
  };
  std::string archive_of(const Parts& parts) const {
    Manifest manifest;
    manifest.config = {std::string(media_type::kConfig), Digest::of("{}"), 2, "", ""};
    manifest.layers = {{std::string(media_type::kModel), Digest::of("weights"), 7, "", ""}};
    const std::string text = manifest.serialise();
    const nlohmann::json index{{"schemaVersion", 2},
                               {"manifests",
                                {{{"mediaType", manifest.media_type},
                                  {"digest", Digest::of(text).text()},
                                  {"size", text.size()},
                                  {"annotations", {{"org.opencontainers.image.ref.name", parts.name}}}}}}};
    Tar tar;
    parts.before(tar);
    tar.add({"oci-layout", parts.layout}).add({"index.json", index.dump()});
    tar.add({"blobs/sha256/" + Digest::of(text).hex(), text});
    tar.add({"blobs/sha256/" + Digest::of("{}").hex(), "{}"});
    tar.add({"blobs/sha256/" + Digest::of("weights").hex(), parts.weights});
    parts.after(tar);
    return tar.finish();
  }

  TestStore from_;
  TestStore to_;
  TemporaryFolder folder_;
};

TEST_F(Archives, ModelsArriveAsTheyWere) {
  write("user/one:q4", std::string(3'000'000, 'x'));
  write("two", "second");
  const auto exported = export_to("a", {"user/one:q4", "two"});
  ASSERT_TRUE(exported) << exported.error().message();
  EXPECT_EQ(exported->n_blobs, 3U) << "they share a config";
  const auto imported = import_from("a");
  ASSERT_TRUE(imported) << imported.error().message();
  ASSERT_EQ(imported->size(), 2U);
  for (const char* name : {"user/one:q4", "two"}) {
    EXPECT_EQ(to_->manifest(name_of(name))->bytes, from_->manifest(name_of(name))->bytes);
  }
  EXPECT_TRUE(to_->verify()->faults.empty());
  EXPECT_EQ(to_->verify()->n_blobs, 3U);
  EXPECT_EQ(to_.count_files("blobs"), 3U) << "manifests are no blobs of the store";
  EXPECT_EQ(to_.count_files("hearth/incoming"), 0U);

  ASSERT_TRUE(export_to("b", {"user/one:q4", "two"}));
  EXPECT_TRUE(bytes_in("a") == bytes_in("b")) << "the same models, the same bytes";
  EXPECT_TRUE(import_from("a")) << "again: the blobs that are there stay";
  EXPECT_EQ(read_history(*to_, name_of("two"))->size(), 1U);
}

TEST_F(Archives, ThroughAPipe_InAnyOrderAndUnderAnotherName) {
  // As programs write them that take a folder: blobs before the index.
  Parts parts;
  parts.name = "";
  std::string archive = archive_of(parts);
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe(pipe.data()), 0);
  std::thread writer([&] {
    EXPECT_TRUE(write_all(pipe[1], bytes_of(archive), "pipe"));
    ::close(pipe[1]);
  });
  const auto imported = import_models(*to_, pipe[0], {.name = name_of("mine"), .trusted = {}});
  writer.join();
  ::close(pipe[0]);
  ASSERT_TRUE(imported) << imported.error().message();
  EXPECT_EQ(*to_->read_blob(to_->manifest(name_of("mine"))->manifest.layers[0].digest, 10), "weights");
  EXPECT_EQ(import_bytes(archive).error().code(), ErrorCode::kInvalidArgument) << "it has no name";
  parts.name = "latest";
  EXPECT_EQ(import_bytes(archive_of(parts)).error().code(), ErrorCode::kInvalidArgument) << "a tag is none";

  write("one", "1");
  write("two", "2");
  ASSERT_TRUE(export_to("a", {"one", "two"}));
  EXPECT_EQ(import_from("a", {.name = name_of("x"), .trusted = {}}).error().code(),
            ErrorCode::kInvalidArgument);
}

TEST_F(Archives, Hostile_AreRefusedAndLeaveNothing) {
  const std::string digest = Digest::of("weights").hex();
  const std::vector<std::pair<const char*, Tar::Entry>> entries{
      {"parent", {"../escape", "x"}},
      {"absolute", {"/etc/escape", "x"}},
      {"parent in the middle", {"blobs/sha256/../../../escape", "x"}},
      {"symbolic link", {"blobs/sha256/" + Digest::of("l").hex(), "", '2', "/etc/passwd"}},
      {"hard link", {"blobs/sha256/" + Digest::of("l").hex(), "", '1', "oci-layout"}},
      {"device", {"blobs/sha256/" + Digest::of("d").hex(), "", '3'}},
      {"pipe", {"blobs/sha256/" + Digest::of("d").hex(), "", '6'}},
      {"folder", {"blobs/sha512/", "", '5'}},
      {"unknown file", {"manifest.json", "{}"}},
      {"upper case", {"blobs/sha256/" + std::string(64, 'A'), "x"}},
      {"short digest", {"blobs/sha256/abc", "x"}},
      {"twice", {"index.json", "{}"}},
      {"twice in disguise", {"./index.json", "{}"}},
      {"content", {"blobs/sha256/" + Digest::of("other").hex(), "not other"}},
      {"enormous layout", {"oci-layout", std::string(5000, ' ')}},
      {"pax of a name", {"x", "30 path=../../../../../escape\n", 'x'}},
      {"pax of a size", {"x", "23 size=99999999999999\n", 'x'}},
      {"pax that is broken", {"x", "99999999999999999999 a=b\n", 'x'}},
      {"longest name", {"././@LongLink", std::string(70'000, 'a'), 'L'}},
      {"old sparse", {"blobs/sha256/" + Digest::of("s").hex(), "x", 'S'}}};
  for (const auto& hostile : entries) {
    const auto& what = hostile.first;
    const auto& entry = hostile.second;  // no structured binding: clang 14 captures none
    Parts parts;
    parts.after = [&](Tar& tar) {
      tar.add(entry);
      if (entry.type == 'x' || entry.type == 'L') tar.add({"blobs/sha256/" + Digest::of("p").hex(), "p"});
    };
    const auto imported = import_bytes(archive_of(parts));
    EXPECT_FALSE(imported) << what;
    if (!imported) {
      EXPECT_TRUE(imported.error().code() == ErrorCode::kMalformed ||
                  imported.error().code() == ErrorCode::kResourceExhausted)
          << what << ": " << imported.error().message();
    }
    expect_nothing_imported();
  }
  EXPECT_FALSE(fs::exists(folder_ / "escape"));
  EXPECT_TRUE(import_bytes(archive_of({}))) << "the one that they were made of";
}

TEST_F(Archives, ThatAreNotWhatTheySay_LeaveNothing) {
  std::vector<std::pair<const char*, std::string>> cases{
      {"empty", ""},
      {"text", std::string(4000, 'x')},
      {"zeros", std::string(10240, '\0')},
      {"compressed", "\x1f\x8b\x08" + std::string(600, '\1')}};
  Parts layout;
  layout.layout = R"({"imageLayoutVersion":"2.0.0"})";
  cases.emplace_back("layout", archive_of(layout));
  Parts wrong;
  wrong.weights = "another";
  cases.emplace_back("weights", archive_of(wrong));
  Parts shorter;
  shorter.weights = "weight";
  cases.emplace_back("shorter", archive_of(shorter));
  Parts name;
  name.name = "a/../b:c";
  cases.emplace_back("name", archive_of(name));
  const std::string good = archive_of({});
  for (size_t size = 256; size < good.size() - 1536; size += 256)
    cases.emplace_back("cut", good.substr(0, size));
  for (const auto& [what, bytes] : cases) {
    EXPECT_FALSE(import_bytes(bytes)) << what << " " << bytes.size();
    expect_nothing_imported();
  }
}

TEST_F(Archives, Interrupted_LeaveNothing) {
  write("big", std::string(5'000'000, 'b'));
  ASSERT_TRUE(export_to("a", {"big"}));
  const auto stop = [](uint64_t done) { return done < 2'000'000; };
  EXPECT_EQ(import_models(*to_, open("a").get(), {}, stop).error().code(), ErrorCode::kCancelled);
  expect_nothing_imported();
  const std::vector<StoredManifest> models{*from_->manifest(name_of("big"))};
  EXPECT_EQ(export_models(*from_, models, open("b").get(), stop).error().code(), ErrorCode::kCancelled);
}

TEST_F(Archives, DamagedOrMissingBlobs_AreNotExported) {
  write("tiny", "weights");
  from_.put_file("blobs/" + Digest::of("weights").file_name(), "WEIGHTS");
  EXPECT_EQ(export_to("a", {"tiny"}).error().code(), ErrorCode::kMalformed);
  from_.put_file("blobs/" + Digest::of("weights").file_name(), "longer than that");
  EXPECT_EQ(export_to("b", {"tiny"}).error().code(), ErrorCode::kMalformed);
  fs::remove(from_->blob_path(Digest::of("weights")));
  EXPECT_EQ(export_to("c", {"tiny"}).error().code(), ErrorCode::kNotFound);
  write("tiny", "weights");
  EXPECT_EQ(export_to("d", {"tiny", "TINY"}).error().code(), ErrorCode::kInvalidArgument) << "one name twice";
}

TEST_F(Archives, SignaturesTravel) {
  auto key = PrivateKey::create(folder_ / "key");
  auto other = PrivateKey::create(folder_ / "other");
  ASSERT_TRUE(key && other);
  write("tiny", "weights");
  const Digest digest = from_->manifest(name_of("tiny"))->digest;
  const std::vector trusted{key->public_key()};
  ASSERT_TRUE(export_to("unsigned", {"tiny"}));
  EXPECT_EQ(import_from("unsigned", {.name = {}, .trusted = trusted}).error().code(),
            ErrorCode::kUnsupported);
  expect_nothing_imported();
  ASSERT_TRUE(
      write_signature(*from_, name_of("tiny"), ManifestSignature::make(*key, name_of("tiny"), digest)));
  ASSERT_TRUE(export_to("signed", {"tiny"}));
  EXPECT_EQ(import_from("signed", {.name = {}, .trusted = {other->public_key()}}).error().code(),
            ErrorCode::kUnsupported);
  EXPECT_EQ(import_from("signed", {.name = name_of("other"), .trusted = trusted}).error().code(),
            ErrorCode::kUnsupported)
      << "it is signed under its own name";
  expect_nothing_imported();
  const auto imported = import_from("signed", {.name = {}, .trusted = trusted});
  ASSERT_TRUE(imported) << imported.error().message();
  EXPECT_EQ(imported->front().n_signatures, 1U);
  EXPECT_TRUE(check_signed(*to_, name_of("tiny"), digest, trusted));
}

}  // namespace
}  // namespace hearth::store
