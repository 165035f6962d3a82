#include "store/partial_blob.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <random>

#include "store/store_fixture.h"

namespace hearth::store {
namespace {

namespace fs = std::filesystem;

std::string random_text(size_t size, unsigned seed) {
  std::mt19937 random(seed);
  std::string text(size, '\0');
  for (char& c : text) c = static_cast<char>(random());
  return text;
}

Result<void> write_part(PartialBlob& blob, const std::string& text, ByteRange part) {
  HEARTH_TRY(blob.write(part.begin, bytes_of(std::string_view(text).substr(part.begin, part.size_bytes()))));
  return blob.sync();
}

TEST(PartialBlob, PartsInAnyOrder_BecomeTheBlob) {
  const TestStore store;
  const std::string text = random_text(100'000, 1);
  auto blob = store->partial_blob(Digest::of(text), text.size());
  ASSERT_TRUE(blob) << blob.error().message();
  std::vector<ByteRange> parts = blob->missing(7'000);
  ASSERT_EQ(parts.size(), 15U);
  EXPECT_EQ(parts.back(), (ByteRange{98'000, 100'000}));
  std::shuffle(parts.begin(), parts.end(), std::mt19937(2));
  for (const ByteRange& part : parts) {
    EXPECT_EQ(blob->commit().error().code(), ErrorCode::kInvalidArgument) << "something is missing";
    ASSERT_TRUE(write_part(*blob, text, part));
  }
  EXPECT_TRUE(blob->missing(1).empty());
  EXPECT_FALSE(store->has_blob(blob->digest()));
  ASSERT_TRUE(blob->commit());
  EXPECT_TRUE(blob->is_committed());
  EXPECT_EQ(*store->read_blob(Digest::of(text), text.size()), text);
  EXPECT_TRUE(store->is_verified(Digest::of(text)));
  EXPECT_EQ(store.count_files("hearth/partial"), 0U);
  store.age_blobs(std::chrono::hours(2));
  EXPECT_TRUE(store->collect_garbage()->blobs.empty()) << "in use until a manifest names it";
}

TEST(PartialBlob, Resumed_KnowsWhatIsThere) {
  const TestStore store;
  const std::string text = random_text(1000, 1);
  {
    auto blob = store->partial_blob(Digest::of(text), text.size());
    ASSERT_TRUE(write_part(*blob, text, {100, 200}));
    ASSERT_TRUE(write_part(*blob, text, {300, 400}));
    ASSERT_TRUE(write_part(*blob, text, {200, 250}));
    ASSERT_TRUE(blob->write(600, bytes_of(std::string_view(text).substr(600, 10))));
    EXPECT_EQ(blob->completed_bytes(), 250U);
    EXPECT_EQ(store->partial_blob(Digest::of(text), text.size()).error().code(), ErrorCode::kUnavailable);
  }
  auto blob = store->partial_blob(Digest::of(text), text.size());
  ASSERT_TRUE(blob);
  EXPECT_EQ(blob->completed_bytes(), 260U) << "it was, when the other ended";
  EXPECT_EQ(blob->missing(5000), (std::vector<ByteRange>{{0, 100}, {250, 300}, {400, 600}, {610, 1000}}));
  for (const ByteRange& part : blob->missing(64)) ASSERT_TRUE(write_part(*blob, text, part));
  ASSERT_TRUE(blob->commit());
}

TEST(PartialBlob, WrongContent_IsDiscarded) {
  const TestStore store;
  const std::string text = random_text(1000, 1);
  auto blob = store->partial_blob(Digest::of("other"), text.size());
  ASSERT_TRUE(write_part(*blob, text, {0, 1000}));
  const auto committed = blob->commit();
  ASSERT_FALSE(committed);
  EXPECT_EQ(committed.error().code(), ErrorCode::kMalformed);
  EXPECT_NE(committed.error().message().find(Digest::of(text).text()), std::string::npos);
  EXPECT_EQ(store.count_files("blobs") + store.count_files("hearth/partial"), 0U);
  EXPECT_EQ(store->partial_blob(Digest::of("other"), text.size())->completed_bytes(), 0U);
}

TEST(PartialBlob, OutsideTheBlob_IsRefused) {
  const TestStore store;
  auto blob = store->partial_blob(Digest::of("x"), 10);
  EXPECT_EQ(blob->write(8, bytes_of("abc")).error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(blob->write(UINT64_MAX, bytes_of("abc")).error().code(), ErrorCode::kInvalidArgument);
  EXPECT_TRUE(blob->write(7, bytes_of("abc")));
  EXPECT_EQ(store->partial_blob(Digest::of("y"), kMaxBlobBytes + 1).error().code(),
            ErrorCode::kResourceExhausted);
  const auto large = store->partial_blob(Digest::of("y"), kMaxBlobBytes);
  ASSERT_FALSE(large) << "no disk here has that much room";
  EXPECT_EQ(large.error().code(), ErrorCode::kResourceExhausted);
  EXPECT_NE(large.error().message().find(std::to_string(kMaxBlobBytes)), std::string::npos);
}

TEST(PartialBlob, EmptyBlob_IsOneToo) {
  const TestStore store;
  auto blob = store->partial_blob(Digest::of(""), 0);
  EXPECT_TRUE(blob->missing(100).empty());
  ASSERT_TRUE(blob->commit());
  EXPECT_EQ(store->blob_size(Digest::of("")), 0U);
}

TEST(PartialBlob, Discarded_IsGone) {
  const TestStore store;
  auto blob = store->partial_blob(Digest::of("x"), 10);
  ASSERT_TRUE(blob->write(0, bytes_of("0123456789")));
  ASSERT_TRUE(blob->sync());
  ASSERT_TRUE(blob->discard());
  EXPECT_EQ(store.count_files("hearth/partial"), 0U);
  EXPECT_EQ(store->partial_blob(Digest::of("x"), 10)->completed_bytes(), 0U);
}

// What a crash of the machine, or somebody, may have left of the ranges.
TEST(PartialBlob, DamagedState_IsBelievedNoFurtherThanItsDamage) {
  const std::string text = random_text(1000, 1);
  const TestStore store;
  const std::string log = "hearth/partial/" + Digest::of(text).file_name() + ".ranges";
  {
    auto blob = store->partial_blob(Digest::of(text), text.size());
    for (const ByteRange& part : blob->missing(100)) ASSERT_TRUE(write_part(*blob, text, part));
  }
  const std::string whole = store.read_file(log);
  for (size_t length = 0; length <= whole.size(); length += 9) {
    store.put_file(log, std::string_view(whole).substr(0, length));
    const auto blob = store->partial_blob(Digest::of(text), text.size());
    ASSERT_TRUE(blob);
    const auto lines =
        static_cast<size_t>(std::count(whole.begin(), whole.begin() + static_cast<long>(length), '\n'));
    ASSERT_EQ(blob->completed_bytes(), lines < 1 ? 0 : (lines - 1) * 100) << length;
  }
  std::string changed = whole;
  changed[whole.find("\n100 ") + 1] = '0';  // 000 200: the check tells
  for (const std::string& bad : {changed, whole.substr(0, whole.find('\n') + 1) + "0 1001 00000000\n",
                                 std::string(5000, '\0'), std::string("hearth-partial 2 x\n")}) {
    store.put_file(log, bad);
    const auto blob = store->partial_blob(Digest::of(text), text.size());
    ASSERT_TRUE(blob);
    EXPECT_LE(blob->completed_bytes(), 100U);
  }
  // Another size, or data that was cut off.
  store.put_file(log, whole);
  EXPECT_EQ(store->partial_blob(Digest::of(text), 999)->completed_bytes(), 0U);
  store.put_file(log, whole);
  EXPECT_EQ(store->partial_blob(Digest::of(text), 1000)->completed_bytes(), 0U);
}

TEST(PartialBlob, WrittenAgain_IsWhatWasWrittenLast) {
  // Enough for the threads to be behind the writer.
  const std::string first = random_text(12'000'000, 1);
  const std::string last = random_text(3'000'000, 2) + first.substr(3'000'000);
  const auto write_both = [&](PartialBlob& blob) {
    ASSERT_TRUE(blob.write(0, bytes_of(first)));
    for (size_t at = 0; at < 3'000'000; at += 250'000)
      ASSERT_TRUE(blob.write(at, bytes_of(std::string_view(last).substr(at, 250'000))));
  };
  const TestStore store;
  auto blob = store->partial_blob(Digest::of(last), last.size(), {.max_unsynced_bytes = 1'000'000});
  write_both(*blob);
  ASSERT_TRUE(blob->commit());
  EXPECT_EQ(*store->read_blob(Digest::of(last), last.size()), last);
  // The hash of what was there before is not that of the file.
  auto other = store->partial_blob(Digest::of(first), first.size(), {.max_unsynced_bytes = 1'000'000});
  write_both(*other);
  EXPECT_EQ(other->commit().error().code(), ErrorCode::kMalformed);
}

TEST(PartialBlob, CancelledCommit_CanBeTriedAgain) {
  const std::string text = random_text(6'000'000, 1);
  const TestStore store;
  auto blob = store->partial_blob(Digest::of(text), text.size());
  ASSERT_TRUE(blob->write(0, bytes_of(text)));
  EXPECT_EQ(blob->commit([](uint64_t) { return false; }).error().code(), ErrorCode::kCancelled);
  uint64_t seen = 0;
  ASSERT_TRUE(blob->commit([&](uint64_t n) {
    seen = n;
    return true;
  }));
  EXPECT_EQ(seen, text.size());
  EXPECT_EQ(*store->read_blob(Digest::of(text), text.size()), text);
}

TEST(PartialBlob, LongLog_IsShortened) {
  const std::string text = random_text(10'000, 1);
  const TestStore store;
  auto blob = store->partial_blob(Digest::of(text), text.size());
  for (const size_t first : {size_t{0}, size_t{1}}) {
    for (size_t at = first; at < text.size(); at += 2)
      ASSERT_TRUE(blob->write(at, bytes_of(std::string_view(text).substr(at, 1))));
    ASSERT_TRUE(blob->sync());
  }
  const std::string log = store.read_file("hearth/partial/" + Digest::of(text).file_name() + ".ranges");
  EXPECT_EQ(std::count(log.begin(), log.end(), '\n'), 2) << "a head and one range";
  ASSERT_TRUE(blob->commit());
}

// --- Processes that die ---

size_t count_of_kills() {
  const char* wished = std::getenv("HEARTH_TEST_KILLS");
  return wished == nullptr ? 25 : std::strtoul(wished, nullptr, 10);
}

// Runs `work` in a child and kills it, at a moment within `most_us`.
template <typename Work>
void run_and_kill(Work work, unsigned most_us, std::mt19937& random) {
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    work();
    ::_exit(0);
  }
  ::usleep(static_cast<useconds_t>(random() % most_us));
  ::kill(child, SIGKILL);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
}

TEST(PartialBlob, KilledAtAnyMoment_LosesAtMostOnePart) {
  constexpr uint64_t kPart = 16'384;
  const std::string text = random_text(40 * kPart, 3);
  const Digest digest = Digest::of(text);
  // How many parts the child was told are on the disk.
  void* const shared =
      ::mmap(nullptr, sizeof(uint64_t), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(shared, MAP_FAILED);
  auto& completed_parts = *static_cast<volatile uint64_t*>(shared);
  std::mt19937 random(4);
  size_t n_commits = 0;
  TestStore store;
  completed_parts = 0;
  for (size_t kill = 0; kill < count_of_kills(); ++kill) {
    run_and_kill(
        [&] {
          auto blob = store->partial_blob(digest, text.size());
          if (!blob) ::_exit(1);
          for (const ByteRange& part : blob->missing(kPart)) {
            if (!write_part(*blob, text, part)) ::_exit(2);
            completed_parts = completed_parts + 1;
          }
          if (!blob->commit()) ::_exit(3);
        },
        20'000, random);
    if (HasFatalFailure()) break;
    if (store->has_blob(digest)) {
      EXPECT_EQ(*store->read_blob(digest, text.size()), text);
      ++n_commits;
      fs::remove(store->blob_path(digest));
      completed_parts = 0;
    } else {
      const auto blob = store->partial_blob(digest, text.size());
      ASSERT_TRUE(blob) << "the lock died with its owner";
      const uint64_t known = blob->completed_bytes();
      ASSERT_GE(known, completed_parts * kPart);
      ASSERT_LE(known, (completed_parts + 1) * kPart) << "one more may be remembered than was told";
      completed_parts = known / kPart;
    }
    ASSERT_EQ(store->verify()->n_manifests, 0U);
  }
  ::munmap(shared, sizeof(uint64_t));
  // Whatever state the last one left, it can be brought to its end.
  auto blob = store->partial_blob(digest, text.size());
  ASSERT_TRUE(blob);
  for (const ByteRange& part : blob->missing(kPart)) ASSERT_TRUE(write_part(*blob, text, part));
  ASSERT_TRUE(blob->commit());
  EXPECT_EQ(*store->read_blob(digest, text.size()), text);
}

// No call waits for the disk here: the threads behind the writer do.
TEST(PartialBlob, KilledAtAnyMoment_LosesNoMoreThanIsAllowedToBeUnsynced) {
  constexpr uint64_t kPiece = 16'384;
  constexpr uint64_t kMostLost = 8 * kPiece;
  const std::string text = random_text(400 * kPiece, 6);
  void* const shared =
      ::mmap(nullptr, sizeof(uint64_t), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(shared, MAP_FAILED);
  auto& written_bytes = *static_cast<volatile uint64_t*>(shared);
  std::mt19937 random(7);
  const TestStore store;
  for (size_t kill = 0; kill < count_of_kills(); ++kill) {
    written_bytes = 0;
    run_and_kill(
        [&] {
          auto blob = store->partial_blob(Digest::of(text), text.size(), {.max_unsynced_bytes = kMostLost});
          if (!blob) ::_exit(1);
          written_bytes = blob->completed_bytes();
          for (const ByteRange& piece : blob->missing(kPiece)) {
            const auto bytes = std::string_view(text).substr(piece.begin, piece.size_bytes());
            if (!blob->write(piece.begin, bytes_of(bytes))) ::_exit(2);
            written_bytes = written_bytes + piece.size_bytes();
          }
          if (!blob->commit()) ::_exit(3);
        },
        60'000, random);
    if (HasFatalFailure()) break;
    if (store->has_blob(Digest::of(text))) {
      EXPECT_EQ(*store->read_blob(Digest::of(text), text.size()), text);
      fs::remove(store->blob_path(Digest::of(text)));
      continue;
    }
    auto blob = store->partial_blob(Digest::of(text), text.size());
    ASSERT_TRUE(blob);
    ASSERT_GE(blob->completed_bytes() + kMostLost, written_bytes);
    // What is remembered is there.
    for (const ByteRange& piece : blob->missing(kPiece)) {
      const auto bytes = std::string_view(text).substr(piece.begin, piece.size_bytes());
      ASSERT_TRUE(blob->write(piece.begin, bytes_of(bytes)));
    }
    ASSERT_TRUE(kill % 2 == 0 ? blob->commit() : blob->discard());
    fs::remove(store->blob_path(Digest::of(text)));
  }
  ::munmap(shared, sizeof(uint64_t));
}

TEST(Store, KilledWhileAManifestIsWritten_HasTheOldOrTheNewOne) {
  const TestStore store;
  const std::string versions[] = {store.put_manifest_blobs("one"), store.put_manifest_blobs("two")};
  ASSERT_TRUE(store->write_manifest(name_of("tiny"), versions[0]));
  ASSERT_TRUE(store->write_manifest(name_of("two"), versions[1]));
  std::mt19937 random(5);
  for (size_t kill = 0; kill < count_of_kills(); ++kill) {
    run_and_kill(
        [&] {
          for (size_t i = 0; i < 100; ++i) {
            if (!store->write_manifest(name_of("tiny"), versions[i % 2])) ::_exit(1);
            if (!store->write_manifest(name_of("other:t" + std::to_string(i)), versions[i % 2])) ::_exit(2);
            if (i % 3 == 2 && !store->remove(name_of("other:t" + std::to_string(i - 1)))) ::_exit(3);
          }
        },
        30'000, random);
    if (HasFatalFailure()) break;
    const auto stored = store->manifest(name_of("tiny"));
    ASSERT_TRUE(stored) << stored.error().message();
    ASSERT_TRUE(stored->bytes == versions[0] || stored->bytes == versions[1]);
    const auto garbage = store->collect_garbage({.min_age = std::chrono::seconds(0)});
    ASSERT_TRUE(garbage) << garbage.error().message();
    ASSERT_TRUE(garbage->blobs.empty());
    ASSERT_EQ(store.count_files("hearth/incoming"), 0U);
    const auto report = store->verify();
    ASSERT_TRUE(report->faults.empty() && report->bad_manifests.empty());
  }
}

}  // namespace
}  // namespace hearth::store
