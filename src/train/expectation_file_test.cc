#include "train/expectation_file.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <numeric>
#include <random>

#include "tests/support/temporary_folder.h"
#include "tests/support/test_data.h"
#include "text/grammar/list_tokenizer_fixture.h"

namespace hearth::train {
namespace {

using text::grammar::ListTokenizer;

constexpr int64_t kVocabulary = 11;

// Expects of a token what its number says.
class NumberTeacher final : public Teacher {
 public:
  Result<void> check_vocabulary(const text::Tokenizer& /*student*/) const override { return {}; }
  Result<void> expect(std::span<const int32_t> tokens, std::span<float> logits) override {
    ++n_asked;
    for (size_t i = 0; i < tokens.size(); ++i) {
      std::mt19937 random(static_cast<uint32_t>(tokens[i]));
      std::normal_distribution<float> normal(0, 3);
      for (size_t j = 0; j < kVocabulary; ++j) logits[i * kVocabulary + j] = normal(random);
    }
    return {};
  }
  int n_asked = 0;
};

class ExpectationFile : public ::testing::Test {
 protected:
  static ExpectationSource source(int64_t top_k = 4) {
    return {"teacher", vocabulary_digest(tokenizer("a")), kVocabulary, top_k};
  }
  static ListTokenizer tokenizer(const std::string& first) {
    std::vector<std::string> texts(kVocabulary, "x");
    texts[1] = first;
    return ListTokenizer(texts);
  }
  static std::vector<float> expected_by(Teacher& teacher, const std::vector<int32_t>& tokens) {
    std::vector<float> logits(tokens.size() * kVocabulary);
    const auto said = teacher.expect(tokens, logits);
    EXPECT_TRUE(said) << said.error().message();
    return logits;
  }
  // A file of two records.
  void write() {
    auto stored = StoredTeacher::open(path, source(), teacher);
    ASSERT_TRUE(stored) << stored.error().message();
    for (const auto& tokens : kSequences) expected_by(**stored, tokens);
  }
  std::string read() const { return testing::read_file(path); }
  void replace(const std::string& bytes) const { std::ofstream(path, std::ios::binary) << bytes; }

  const std::vector<std::vector<int32_t>> kSequences{{1, 2, 3}, {4, 5}};
  testing::TemporaryFolder folder;
  const std::filesystem::path path = folder / "expectations";
  NumberTeacher teacher;
};

TEST_F(ExpectationFile, Rows_HaveTheMostProbableTokensAndSumToOne) {
  const std::vector<float> whole = expected_by(teacher, {7, 8});
  for (const int64_t top_k : {int64_t{1}, int64_t{4}, kVocabulary}) {
    std::vector<float> kept(whole.size());
    ASSERT_TRUE(
        decode_expectations(store::bytes_of(encode_expectations(whole, source(top_k))), source(top_k), kept));
    for (size_t row = 0; row < 2; ++row) {
      const auto of_whole = std::span(whole).subspan(row * kVocabulary, kVocabulary);
      const auto of_kept = std::span(kept).subspan(row * kVocabulary, kVocabulary);
      const auto sum_exp = [](double sum, float x) { return sum + std::exp(double{x}); };
      EXPECT_NEAR(std::accumulate(of_kept.begin(), of_kept.end(), 0.0, sum_exp), 1.0, 1e-6) << top_k;
      const double log_sum = std::log(std::accumulate(of_whole.begin(), of_whole.end(), 0.0, sum_exp));
      int64_t n_exact = 0;
      for (size_t j = 0; j < kVocabulary; ++j) {
        const int64_t rank = std::ranges::count_if(of_whole, [&](float x) { return x > of_whole[j]; });
        const bool is_exact = std::abs(of_kept[j] - (of_whole[j] - log_sum)) < 1e-5;
        n_exact += is_exact ? 1 : 0;
        EXPECT_TRUE(is_exact || rank >= top_k) << j;
      }
      EXPECT_GE(n_exact, top_k);
    }
  }
}

TEST_F(ExpectationFile, TeacherIsAskedOnce_AndNotNeededAfterwards) {
  std::vector<float> first;
  {
    auto stored = StoredTeacher::open(path, source(), teacher);
    ASSERT_TRUE(stored) << stored.error().message();
    first = expected_by(**stored, {1, 2, 3});
    EXPECT_EQ(expected_by(**stored, {1, 2, 3}), first);
    EXPECT_EQ(teacher.n_asked, 1);
  }
  {
    auto again = StoredTeacher::open(path, source(), teacher);
    EXPECT_EQ(expected_by(**again, {1, 2, 3}), first);
    EXPECT_EQ(teacher.n_asked, 1);
    expected_by(**again, {1, 2, 4});
    EXPECT_EQ(teacher.n_asked, 2);
  }
  EXPECT_TRUE(StoredTeacher::is_expectation_file(path));
  auto alone = StoredTeacher::open(path);
  ASSERT_TRUE(alone) << alone.error().message();
  EXPECT_EQ((*alone)->source(), source());
  EXPECT_EQ(expected_by(**alone, {1, 2, 3}), first);
  std::vector<float> logits(2 * kVocabulary);
  const auto unknown = (*alone)->expect(std::vector<int32_t>{1, 2}, logits);
  EXPECT_EQ(unknown.error().code(), ErrorCode::kNotFound);
  EXPECT_TRUE((*alone)->check_vocabulary(tokenizer("a")));
  EXPECT_EQ((*alone)->check_vocabulary(tokenizer("b")).error().code(), ErrorCode::kInvalidArgument);
}

// Whatever a crash left of the last record.
TEST_F(ExpectationFile, CutAnywhereInItsLastRecord_GoesOn) {
  write();
  const std::string whole = read();
  const auto index = parse_expectations("file", store::bytes_of(whole));
  ASSERT_TRUE(index);
  ASSERT_EQ(index->records.size(), 2U);
  EXPECT_EQ(index->n_bytes, whole.size());
  const size_t last = whole.size() - (4 + 32 + 2 * 4 * 8 + 32);
  for (size_t n = last; n < whole.size(); ++n) {
    replace(whole.substr(0, n));
    write();
    EXPECT_EQ(read(), whole) << n;
  }
  std::string zeros = whole;
  std::fill(zeros.begin() + static_cast<std::ptrdiff_t>(last) + 40, zeros.end(), '\0');
  replace(zeros);
  write();
  EXPECT_EQ(read(), whole);
}

TEST_F(ExpectationFile, DamagedBytes_AreFound) {
  write();
  const std::string whole = read();
  const size_t header = whole.find('\n') + 1;
  const size_t last = whole.size() - (4 + 32 + 2 * 4 * 8 + 32);
  for (size_t at = header; at < last; ++at) {
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
    const auto index = parse_expectations("file", store::bytes_of(damaged));
    // Lengths that reach beyond the end look like a record that was not finished.
    if (index) {
      EXPECT_TRUE(index->records.empty()) << at;
      continue;
    }
    EXPECT_EQ(index.error().code(), ErrorCode::kMalformed);
    EXPECT_NE(index.error().message().find("file: expected a record at byte"), std::string::npos);
  }
}

TEST_F(ExpectationFile, FilesThatAreNone_AreRefused) {
  const auto expect_refused = [&](const std::string& bytes, std::string_view what) {
    replace(bytes);
    const auto opened = StoredTeacher::open(path);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code(), ErrorCode::kMalformed);
    EXPECT_NE(opened.error().message().find(what), std::string::npos) << opened.error().message();
  };
  expect_refused("", "expected a teacher's expectations");
  expect_refused("GGUF and more of it", "expected a teacher's expectations");
  expect_refused("{\"hearth_expectations\":2}\n", "hearth_expectations: expected a whole number from 1 to 1");
  expect_refused("{\"hearth_expectations\":1,\"vocabulary\":4,\"top_k\":5}\n",
                 "top_k: expected a whole number from 1 to 4");
  expect_refused("{\"hearth_expectations\":1,\"vocabulary\":4,\"top_k\":4}\n", "teacher: expected a text");
}

TEST_F(ExpectationFile, OtherSourceOrASecondProcess_IsRefused) {
  write();
  const auto other_k = StoredTeacher::open(path, source(5), teacher);
  ASSERT_FALSE(other_k);
  EXPECT_NE(
      other_k.error().message().find("expected the 5 most probable tokens of this teacher, found 4 of it"),
      std::string::npos)
      << other_k.error().message();
  ExpectationSource other = source();
  other.teacher_digest = "another";
  EXPECT_EQ(StoredTeacher::open(path, other, teacher).error().code(), ErrorCode::kInvalidArgument);
  const auto held = StoredTeacher::open(path, source(), teacher);
  ASSERT_TRUE(held);
  EXPECT_EQ(StoredTeacher::open(path).error().code(), ErrorCode::kUnavailable);
}

TEST_F(ExpectationFile, NumbersThatAreNone_AreRefused) {
  std::string payload = encode_expectations(expected_by(teacher, {1}), source());
  std::vector<float> logits(kVocabulary);
  std::string wrong = payload;
  wrong[0] = static_cast<char>(kVocabulary);
  EXPECT_EQ(decode_expectations(store::bytes_of(wrong), source(), logits).error().code(),
            ErrorCode::kMalformed);
  wrong = payload;
  const float nan = std::nanf("");
  std::memcpy(wrong.data() + 4, &nan, sizeof(nan));
  EXPECT_EQ(decode_expectations(store::bytes_of(wrong), source(), logits).error().code(),
            ErrorCode::kMalformed);
}

}  // namespace
}  // namespace hearth::train
