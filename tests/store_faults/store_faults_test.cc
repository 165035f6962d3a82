// One pull, with each of its calls that change files failing in each way, or being the last one; and several
// processes at once.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <set>

#include "store/registry/tiny_registry_fixture.h"
#include "store/store_fixture.h"
#include "tests/store_faults/plan.h"

namespace hearth::store {
namespace {

namespace fs = std::filesystem;
using registry::noise;
using registry::TinyRegistry;
using store_faults::Fault;
using store_faults::Plan;

constexpr uint64_t kPartBytes = 262'144;
// Manifests and the heads of answers.
constexpr uint64_t kOtherBytes = 16'384;

struct Ended {
  int exit_code = 0;  // -1: killed
  std::string said;
};

class Puller {
 public:
  explicit Puller(std::vector<std::string> arguments, int plan = -1) {
    int out[2];
    int in[2];
    EXPECT_EQ(::pipe2(out, O_CLOEXEC), 0);
    EXPECT_EQ(::pipe2(in, O_CLOEXEC), 0);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions, out[1], STDERR_FILENO);
    std::string preload = "LD_PRELOAD=";
    if (plan >= 0) {
      ::posix_spawn_file_actions_adddup2(&actions, plan, store_faults::kPlanDescriptor);
      preload += STORE_FAULTS_PRELOAD;
    }
    arguments.insert(arguments.begin(), STORE_FAULTS_PULLER);
    std::vector<char*> words;
    for (std::string& argument : arguments) words.push_back(argument.data());
    words.push_back(nullptr);
    char* environment[] = {preload.data(), nullptr};
    EXPECT_EQ(::posix_spawn(&pid_, STORE_FAULTS_PULLER, &actions, nullptr, words.data(), environment), 0);
    ::posix_spawn_file_actions_destroy(&actions);
    ::close(out[1]);
    ::close(in[0]);
    stderr_ = out[0];
    stdin_ = in[1];
  }
  Puller(const Puller&) = delete;
  Puller& operator=(const Puller&) = delete;
  ~Puller() { wait(); }

  void close_input() {
    if (stdin_ >= 0) ::close(std::exchange(stdin_, -1));
  }
  Ended wait() {
    if (pid_ < 0) return ended_;
    close_input();
    char bytes[4096];
    for (ssize_t n = 0; (n = ::read(stderr_, bytes, sizeof(bytes))) > 0;)
      ended_.said.append(bytes, static_cast<size_t>(n));
    ::close(stderr_);
    int status = 0;
    EXPECT_EQ(::waitpid(std::exchange(pid_, -1), &status, 0) > 0, true);
    ended_.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return ended_;
  }

 private:
  pid_t pid_ = -1;
  int stderr_ = -1;
  int stdin_ = -1;
  Ended ended_;
};

class SharedPlan {
 public:
  SharedPlan() : descriptor_(::memfd_create("plan", MFD_CLOEXEC)) {
    EXPECT_EQ(::ftruncate(descriptor_, sizeof(Plan)), 0);
    void* memory = ::mmap(nullptr, sizeof(Plan), PROT_READ | PROT_WRITE, MAP_SHARED, descriptor_, 0);
    EXPECT_NE(memory, MAP_FAILED);
    plan_ = static_cast<Plan*>(memory);
  }
  SharedPlan(const SharedPlan&) = delete;
  SharedPlan& operator=(const SharedPlan&) = delete;
  ~SharedPlan() {
    ::munmap(plan_, sizeof(Plan));
    ::close(descriptor_);
  }
  void set(const fs::path& folder, Fault fault, int at) {
    std::memset(plan_, 0, sizeof(Plan));
    folder.string().copy(plan_->folder, sizeof(plan_->folder) - 1);
    plan_->fault = fault;
    plan_->at = at;
  }
  const Plan& operator*() const { return *plan_; }
  int descriptor() const { return descriptor_; }

 private:
  int descriptor_;
  Plan* plan_ = nullptr;
};

class StoreFaults : public ::testing::Test {
 protected:
  StoreFaults() : manifest_(registry_.add_model({noise(1'500'000), noise(70'000, 2)})) {}

  std::string name() const { return registry_.host() + "/library/tiny:latest"; }
  std::vector<std::string> pull_into(const TestStore& store) const {
    return {"pull", name(), store.root().string(), std::to_string(kPartBytes)};
  }
  Ended pull(const TestStore& store, int plan = -1) const { return Puller(pull_into(store), plan).wait(); }

  // A store with a model that is whole, and shares no blob with the one that is pulled.
  static void put_whole_model(const TestStore& store) {
    ASSERT_TRUE(store->write_manifest(name_of("whole"), store.put_manifest_blobs("whole before")));
  }

  // That nothing is lost, and nothing there that is not what it seems.
  void expect_sound(const TestStore& store) const {
    const auto report = store->verify();
    ASSERT_TRUE(report) << report.error().message();
    for (const BlobFault& fault : report->faults) ADD_FAILURE() << fault.message;
    for (const std::string& message : report->bad_manifests) ADD_FAILURE() << message;
    const auto whole = store->manifest(name_of("whole"));
    ASSERT_TRUE(whole) << whole.error().message();
    for (const auto& entry : fs::directory_iterator(store.root() / "blobs")) {
      const auto digest = Digest::parse_file_name(entry.path().filename().string());
      ASSERT_TRUE(digest) << entry.path();
      ASSERT_EQ(Digest::of(*store->read_blob(*digest, 1U << 24U)), *digest);
    }
    const auto garbage = store->collect_garbage();
    ASSERT_TRUE(garbage) << garbage.error().message();
    EXPECT_TRUE(garbage->blobs.empty());
  }

  void expect_pulled(const TestStore& store) const {
    const auto stored = store->manifest(name_of(name()));
    ASSERT_TRUE(stored) << stored.error().message();
    EXPECT_EQ(stored->bytes, manifest_);
    expect_sound(store);
    EXPECT_EQ(store.count_files("blobs"), 5U);
    EXPECT_EQ(store.count_files("hearth/incoming"), 0U);
  }

  uint64_t model_bytes() const { return Manifest::parse(manifest_)->size_bytes(); }

  void expect_recovery_from(Fault fault, int at, SharedPlan& plan);

  TinyRegistry registry_;
  std::string manifest_;
  int64_t most_read_again_ = 0;
  int n_happened_ = 0;
};

void StoreFaults::expect_recovery_from(Fault fault, int at, SharedPlan& plan) {
  const TestStore store;
  put_whole_model(store);
  plan.set(store.root(), fault, at);
  const Ended ended = pull(store, plan.descriptor());
  auto n_received = (*plan).n_received;
  if ((*plan).has_happened == 0) return;  // there were fewer calls this time, or it was no write
  ++n_happened_;
  const bool was_killed = ended.exit_code < 0;
  EXPECT_EQ(was_killed, fault == Fault::kKill) << ended.said;
  EXPECT_TRUE(fault != Fault::kShortWrite || ended.exit_code == 0) << ended.said;
  if (ended.exit_code > 0) {
    const bool is_full = fault == Fault::kNoSpace || fault == Fault::kDiskFull;
    EXPECT_NE(ended.said.find(is_full ? "the disk is full" : "Input/output error"), std::string::npos)
        << ended.said;
  }
  // What was named before the fault, with its blobs, is there whatever became of the pull.
  expect_sound(store);
  if (ended.exit_code == 0) expect_pulled(store);
  plan.set(store.root(), Fault::kNone, -1);
  const Ended again = pull(store, plan.descriptor());
  ASSERT_EQ(again.exit_code, 0) << again.said;
  expect_pulled(store);
  n_received += (*plan).n_received;
  EXPECT_GE(static_cast<uint64_t>(n_received), model_bytes()) << "the library does not see what is received";
  EXPECT_LE(static_cast<uint64_t>(n_received), model_bytes() + kPartBytes + kOtherBytes)
      << "more than a part was read again";
  most_read_again_ = std::max(most_read_again_, static_cast<int64_t>(n_received - model_bytes()));
}

// HEARTH_STORE_FAULTS=all: every call; some minutes.
TEST_F(StoreFaults, AnyCallThatFailsOrIsTheLast_LosesNothing) {
  const char* wish = std::getenv("HEARTH_STORE_FAULTS");
  const bool all = wish != nullptr && std::string_view(wish) == "all";
  SharedPlan plan;
  int n_calls = 0;
  {
    const TestStore store;
    put_whole_model(store);
    plan.set(store.root(), Fault::kNone, -1);
    const Ended ended = pull(store, plan.descriptor());
    ASSERT_EQ(ended.exit_code, 0) << ended.said;
    expect_pulled(store);
    n_calls = (*plan).n_calls;
  }
  ASSERT_GT(n_calls, 50) << "the library was not loaded, or does not see the calls";
  int n_runs = 0;
  int first = 0;
  for (const Fault fault :
       {Fault::kNoSpace, Fault::kDiskFull, Fault::kInputOutput, Fault::kShortWrite, Fault::kKill}) {
    // Threads change the order a little: some further ones, lest the last calls be left out.
    const int step = all ? 1 : 17;
    for (int at = all ? 0 : first++; at < n_calls + (all ? 8 : 0); at += step) {
      SCOPED_TRACE(fmt::format("fault {} at call {} of {}", static_cast<int>(fault), at, n_calls));
      expect_recovery_from(fault, at, plan);
      ++n_runs;
      if (HasFatalFailure()) return;
    }
  }
  RecordProperty("calls", n_calls);
  RecordProperty("runs", n_runs);
  RecordProperty("faults", n_happened_);
  RecordProperty("most_bytes_read_again", std::to_string(most_read_again_));
  if (all) {
    fmt::print("{} calls, {} runs, in {} of them a fault; at most {} of {} bytes read again\n", n_calls,
               n_runs, n_happened_, most_read_again_, model_bytes());
  }
}

std::set<std::string> files_of(const TestStore& store, const std::string& folder) {
  std::set<std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(store.root() / folder)) {
    if (entry.is_regular_file()) files.insert(entry.path().lexically_relative(store.root()).string());
  }
  return files;
}

TEST_F(StoreFaults, TwoPullsAndACollectorAtOnce_EndAsOneAfterTheOther) {
  const TestStore sequential;
  put_whole_model(sequential);
  for (int i = 0; i < 2; ++i) ASSERT_EQ(pull(sequential).exit_code, 0);
  ASSERT_TRUE(sequential->collect_garbage({.min_age = std::chrono::seconds(0)}));
  for (int round = 0; round < 3; ++round) {
    const TestStore store;
    put_whole_model(store);
    store.put_blob("", "garbage");
    const uint64_t before = registry_.sent_bytes();
    Puller collector({"collect", store.root().string()});
    Puller one(pull_into(store));
    Puller two(pull_into(store));
    const Ended ended[] = {one.wait(), two.wait(), collector.wait()};
    for (const Ended& end : ended) ASSERT_EQ(end.exit_code, 0) << end.said;
    ASSERT_TRUE(store->collect_garbage({.min_age = std::chrono::seconds(0)}));
    expect_pulled(store);
    for (const char* folder : {"blobs", "manifests"})
      EXPECT_EQ(files_of(store, folder), files_of(sequential, folder));
    EXPECT_LE(registry_.sent_bytes() - before, model_bytes() + 2 * manifest_.size())
        << "each blob was fetched once";
  }
}

}  // namespace
}  // namespace hearth::store
