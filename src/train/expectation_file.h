// What a teacher expects, in a file: of each token only the most probable ones that may follow it. A teacher
// that is too slow, or too large to be loaded beside a student, is asked once.
//
// The file is a line of JSON that says whose expectations these are, and then records, one for each sequence
// of tokens that the teacher was asked about: docs/training.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>

#include "base/result.h"
#include "base/unique_descriptor.h"
#include "store/digest.h"
#include "train/distillation.h"

namespace hearth::train {

// Whose expectations, and how much of them.
struct ExpectationSource {
  std::string teacher_digest;     // of all that the teacher computes with
  std::string vocabulary_digest;  // of its tokens
  int64_t vocabulary = 0;         // how many these are
  int64_t top_k = 0;              // of these, those that are kept

  friend bool operator==(const ExpectationSource&, const ExpectationSource&) = default;
};
constexpr int64_t kMostTopK = 65536;

// Of all tokens' bytes, in their order.
std::string vocabulary_digest(const text::Tokenizer& tokenizer);

// Where what is.
struct ExpectationIndex {
  struct Record {
    size_t payload = 0;  // where it begins
    size_t n_tokens = 0;
  };
  ExpectationSource source;
  std::map<store::Digest, Record> records;  // by the digest of their tokens
  size_t n_bytes = 0;                       // up to the end of the last whole record
};
// `name` is what errors call the file. A last record that was not written to its end is left out. kMalformed,
// with the place, for another that is damaged, and for what is no such file.
Result<ExpectationIndex> parse_expectations(const std::string& name, std::span<const std::byte> bytes);

// The payload of a record: log probabilities of the top_k tokens after each of the rows of logits [n,
// vocabulary].
std::string encode_expectations(std::span<const float> logits, const ExpectationSource& source);
// The same as logits: what the other tokens have together is divided among them in equal parts. kMalformed.
Result<void> decode_expectations(std::span<const std::byte> payload, const ExpectationSource& source,
                                 std::span<float> logits);

// A teacher whose expectations are in a file. One thread at a time may use it, and one process at a time the
// file.
class StoredTeacher final : public Teacher {
 public:
  // Opens a file that is there, and knows no more than it. kIo; kUnavailable where another process
  // writes it; kMalformed.
  static Result<std::unique_ptr<StoredTeacher>> open(const std::filesystem::path& path);
  // Opens or makes one, and asks `teacher`, which must outlive it, for what it lacks. kInvalidArgument where
  // the file is of another source.
  static Result<std::unique_ptr<StoredTeacher>> open(const std::filesystem::path& path,
                                                     const ExpectationSource& source, Teacher& teacher);
  // Whether a file begins as these do.
  static bool is_expectation_file(const std::filesystem::path& path);

  const ExpectationSource& source() const noexcept { return index_.source; }
  Result<void> check_vocabulary(const text::Tokenizer& student) const override;
  // What is taken from the file and what the teacher has just said are the same bits. kNotFound where nobody
  // knows; kResourceExhausted where the disk is full, kIo, kMalformed.
  Result<void> expect(std::span<const int32_t> tokens, std::span<float> logits) override;

 private:
  StoredTeacher(std::filesystem::path path, UniqueDescriptor file, ExpectationIndex index, Teacher* teacher)
      : path_(std::move(path)), file_(std::move(file)), index_(std::move(index)), teacher_(teacher) {}
  static Result<std::unique_ptr<StoredTeacher>> open_file(const std::filesystem::path& path,
                                                          const ExpectationSource* source, Teacher* teacher);
  Result<void> append(const store::Digest& key, size_t n_tokens, const std::string& payload);

  const std::filesystem::path path_;
  UniqueDescriptor file_;
  ExpectationIndex index_;
  Teacher* const teacher_;
  bool is_broken_ = false;  // its end is a part of a record
};

}  // namespace hearth::train
