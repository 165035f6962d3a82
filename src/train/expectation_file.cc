#include "train/expectation_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <numeric>
#include <vector>

#include "base/excerpt.h"
#include "base/json_text.h"
#include "base/mapped_file.h"
#include "base/write_all.h"
#include "train/errno_error.h"

namespace hearth::train {
namespace {

namespace fs = std::filesystem;

static_assert(std::endian::native == std::endian::little, "numbers of the file are little-endian");

constexpr std::string_view kFirstField = "{\"hearth_expectations\":";
constexpr int64_t kVersion = 1;
constexpr size_t kMostHeaderBytes = 4096;
constexpr int64_t kMostVocabulary = int64_t{1} << 24;
constexpr size_t kMostTokens = size_t{1} << 24;  // of a record

// One token that may follow, and the logarithm of its probability.
struct Expected {
  uint32_t token;
  float log_probability;
};
static_assert(sizeof(Expected) == 8);

// [tokens][digest of these][payload][digest of all before]
constexpr size_t kRecordHead = sizeof(uint32_t) + store::Digest::kSizeBytes;

size_t payload_bytes(size_t n_tokens, const ExpectationSource& source) {
  return n_tokens * static_cast<size_t>(source.top_k) * sizeof(Expected);
}

std::string_view view_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

store::Digest digest_at(std::span<const std::byte> bytes) {
  store::Digest::Bytes digest;
  std::memcpy(digest.data(), bytes.data(), digest.size());
  return store::Digest(digest);
}

store::Digest key_of(std::span<const int32_t> tokens) {
  return store::Digest::of(view_of(std::as_bytes(tokens)));
}

void append_digest(const store::Digest& digest, std::string& to) {
  to.append(reinterpret_cast<const char*>(digest.bytes().data()), store::Digest::kSizeBytes);
}

std::string header_of(const ExpectationSource& source) {
  const nlohmann::ordered_json header{{"hearth_expectations", kVersion},
                                      {"teacher", source.teacher_digest},
                                      {"vocabulary", source.vocabulary},
                                      {"vocabulary_digest", source.vocabulary_digest},
                                      {"top_k", source.top_k}};
  return header.dump() + "\n";
}

Result<ExpectationSource> parse_header(std::string_view line) {
  HEARTH_ASSIGN(const nlohmann::json json, parse_json(line));
  const auto number = [&](const char* name, int64_t most) -> Result<int64_t> {
    const auto found = json.is_object() ? json.find(name) : json.end();
    if (found == json.end() || !found->is_number_unsigned() || found->get<uint64_t>() < 1 ||
        found->get<uint64_t>() > static_cast<uint64_t>(most)) {
      return make_error(ErrorCode::kMalformed, "{}: expected a whole number from 1 to {}, found {}", name,
                        most, found == json.end() ? "nothing" : quoted_excerpt(found->dump()));
    }
    return found->get<int64_t>();
  };
  const auto text = [&](const char* name) -> Result<std::string> {
    const auto found = json.find(name);
    if (found == json.end() || !found->is_string())
      return make_error(ErrorCode::kMalformed, "{}: expected a text", name);
    return found->get<std::string>();
  };
  HEARTH_TRY(number("hearth_expectations", kVersion));
  ExpectationSource source;
  HEARTH_ASSIGN(source.vocabulary, number("vocabulary", kMostVocabulary));
  HEARTH_ASSIGN(source.top_k, number("top_k", std::min(source.vocabulary, kMostTopK)));
  HEARTH_ASSIGN(source.teacher_digest, text("teacher"));
  HEARTH_ASSIGN(source.vocabulary_digest, text("vocabulary_digest"));
  return source;
}

// log softmax, in double precision.
void log_softmax(std::span<const float> logits, std::vector<double>& out) {
  const double top = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float logit : logits) sum += std::exp(logit - top);
  out.resize(logits.size());
  std::ranges::transform(logits, out.begin(), [&](float logit) { return logit - top - std::log(sum); });
}

}  // namespace

std::string vocabulary_digest(const text::Tokenizer& tokenizer) {
  store::Hasher hasher;
  for (text::TokenId token = 0; std::cmp_less(token, tokenizer.vocabulary_size()); ++token) {
    const std::string bytes(tokenizer.token_bytes(token, /*special=*/true));
    const uint64_t size = bytes.size();
    hasher.update(std::as_bytes(std::span(&size, 1)));
    hasher.update(store::bytes_of(bytes));
  }
  return hasher.finish().hex();
}

Result<ExpectationIndex> parse_expectations(const std::string& name, std::span<const std::byte> bytes) {
  const std::string_view begin = view_of(bytes.first(std::min(bytes.size(), kMostHeaderBytes)));
  const size_t line_end = begin.find('\n');
  if (!begin.starts_with(kFirstField) || line_end == std::string_view::npos) {
    return make_error(ErrorCode::kMalformed,
                      "{}: expected a teacher's expectations, found a file that begins {}", name,
                      quoted_excerpt(begin.substr(0, kFirstField.size())));
  }
  auto source = parse_header(begin.substr(0, line_end));
  if (!source) return source.error().in(name);
  ExpectationIndex index{std::move(*source), {}, line_end + 1};
  while (index.n_bytes < bytes.size()) {
    const auto rest = bytes.subspan(index.n_bytes);
    uint32_t n_tokens = 0;
    if (rest.size() < kRecordHead) break;
    std::memcpy(&n_tokens, rest.data(), sizeof(n_tokens));
    const bool is_sensible = n_tokens >= 1 && n_tokens <= kMostTokens;
    const size_t n_signed = kRecordHead + (is_sensible ? payload_bytes(n_tokens, index.source) : 0);
    const size_t n_record = n_signed + store::Digest::kSizeBytes;
    if (is_sensible && rest.size() < n_record) break;
    const bool is_whole =
        is_sensible && store::Digest::of(view_of(rest.first(n_signed))) == digest_at(rest.subspan(n_signed));
    if (!is_whole) {
      // A crash may leave the last one with a part of its bytes.
      if (is_sensible && rest.size() == n_record) break;
      return make_error(ErrorCode::kMalformed, "{}: expected a record at byte {}, found damaged bytes", name,
                        index.n_bytes);
    }
    index.records.try_emplace(digest_at(rest.subspan(sizeof(n_tokens))),
                              ExpectationIndex::Record{index.n_bytes + kRecordHead, n_tokens});
    index.n_bytes += n_record;
  }
  return index;
}

std::string encode_expectations(std::span<const float> logits, const ExpectationSource& source) {
  const auto vocabulary = static_cast<size_t>(source.vocabulary);
  std::string payload;
  std::vector<double> log_probabilities;
  std::vector<uint32_t> tokens(vocabulary);
  for (size_t at = 0; at < logits.size(); at += vocabulary) {
    log_softmax(logits.subspan(at, vocabulary), log_probabilities);
    std::iota(tokens.begin(), tokens.end(), 0U);
    const auto is_before = [&](uint32_t a, uint32_t b) {
      return log_probabilities[a] != log_probabilities[b] ? log_probabilities[a] > log_probabilities[b]
                                                          : a < b;
    };
    const auto end = tokens.begin() + source.top_k;
    std::partial_sort(tokens.begin(), end, tokens.end(), is_before);
    for (auto token = tokens.begin(); token != end; ++token) {
      // Float has no smaller ones, and what decodes expects numbers.
      const Expected expected{*token, static_cast<float>(std::max(log_probabilities[*token], -1e30))};
      payload.append(reinterpret_cast<const char*>(&expected), sizeof(expected));
    }
  }
  return payload;
}

Result<void> decode_expectations(std::span<const std::byte> payload, const ExpectationSource& source,
                                 std::span<float> logits) {
  const auto vocabulary = static_cast<size_t>(source.vocabulary);
  const auto top_k = static_cast<size_t>(source.top_k);
  std::vector<Expected> kept(top_k);
  for (size_t at = 0; at < logits.size(); at += vocabulary) {
    const auto row = logits.subspan(at, vocabulary);
    double rest = 1;
    std::memcpy(kept.data(), payload.data(), top_k * sizeof(Expected));
    payload = payload.subspan(top_k * sizeof(Expected));
    for (const Expected& expected : kept) {
      // A probability of one may be rounded up.
      if (expected.token >= vocabulary || !std::isfinite(expected.log_probability) ||
          expected.log_probability > 1e-3F) {
        return make_error(ErrorCode::kMalformed,
                          "expected a token below {} and its probability, found {} and {}", vocabulary,
                          expected.token, expected.log_probability);
      }
      rest -= std::exp(double{expected.log_probability});
    }
    if (top_k < vocabulary) {
      constexpr double kLeast = 1e-30;  // no probability is none
      const double each = std::max(rest, kLeast) / static_cast<double>(vocabulary - top_k);
      std::ranges::fill(row, static_cast<float>(std::log(each)));
    }
    for (const Expected& expected : kept) row[expected.token] = expected.log_probability;
  }
  return {};
}

bool StoredTeacher::is_expectation_file(const fs::path& path) {
  const UniqueDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  std::string begin(kFirstField.size(), '\0');
  return file && ::pread(file.get(), begin.data(), begin.size(), 0) == std::ssize(begin) &&
         begin == kFirstField;
}

Result<std::unique_ptr<StoredTeacher>> StoredTeacher::open(const fs::path& path) {
  return open_file(path, nullptr, nullptr);
}

Result<std::unique_ptr<StoredTeacher>> StoredTeacher::open(const fs::path& path,
                                                           const ExpectationSource& source,
                                                           Teacher& teacher) {
  return open_file(path, &source, &teacher);
}

Result<std::unique_ptr<StoredTeacher>> StoredTeacher::open_file(const fs::path& path,
                                                                const ExpectationSource* source,
                                                                Teacher* teacher) {
  const int flags = source == nullptr ? O_RDONLY : O_RDWR | O_CREAT | O_APPEND;
  UniqueDescriptor file(::open(path.c_str(), flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0666));
  if (!file) return errno_error(path, "cannot be opened");
  if (::flock(file.get(), (source == nullptr ? LOCK_SH : LOCK_EX) | LOCK_NB) != 0)
    return make_error(ErrorCode::kUnavailable, "{}: another process uses it", path.string());
  HEARTH_ASSIGN(const size_t n_bytes, MappedFile::check_descriptor(file.get(), path));
  if (n_bytes == 0 && source != nullptr) {
    const std::string header = header_of(*source);
    errno = write_all(file.get(), store::bytes_of(header));
    if (errno != 0) return errno_error(path, "cannot be written");
  }
  HEARTH_ASSIGN(const MappedFile mapped, MappedFile::of_descriptor(file.get(), path));
  HEARTH_ASSIGN(ExpectationIndex index, parse_expectations(path.string(), mapped.bytes()));
  if (source != nullptr && index.source != *source) {
    return make_error(ErrorCode::kInvalidArgument,
                      "{}: expected the {} most probable tokens of this teacher, found {} of {}",
                      path.string(), source->top_k, index.source.top_k,
                      index.source.teacher_digest == source->teacher_digest ? "it" : "another");
  }
  if (source != nullptr && ::ftruncate(file.get(), static_cast<off_t>(index.n_bytes)) != 0)
    return errno_error(path, "cannot be cut");
  return std::unique_ptr<StoredTeacher>(new StoredTeacher(path, std::move(file), std::move(index), teacher));
}

Result<void> StoredTeacher::check_vocabulary(const text::Tokenizer& student) const {
  if (teacher_ != nullptr) return teacher_->check_vocabulary(student);
  if (vocabulary_digest(student) == source().vocabulary_digest) return {};
  return make_error(ErrorCode::kInvalidArgument, "{}: expected the student's vocabulary, found another",
                    path_.string());
}

Result<void> StoredTeacher::expect(std::span<const int32_t> tokens, std::span<float> logits) {
  const store::Digest key = key_of(tokens);
  const auto known = index_.records.find(key);
  std::string payload(payload_bytes(tokens.size(), source()), '\0');
  if (known != index_.records.end() && known->second.n_tokens == tokens.size()) {
    const ssize_t n =
        ::pread(file_.get(), payload.data(), payload.size(), static_cast<off_t>(known->second.payload));
    if (n < 0) return errno_error(path_, "cannot be read");
    if (std::cmp_not_equal(n, payload.size()))
      return make_error(ErrorCode::kMalformed, "{}: expected {} bytes at {}, found {}", path_.string(),
                        payload.size(), known->second.payload, n);
  } else if (teacher_ == nullptr) {
    return make_error(
        ErrorCode::kNotFound,
        "{}: it has no expectations of a sequence that the run asks for: expected the texts, seed, "
        "sequences and steps that it was written with, or the teacher itself",
        path_.string());
  } else {
    HEARTH_TRY(teacher_->expect(tokens, logits));
    payload = encode_expectations(logits, source());
    HEARTH_TRY(append(key, tokens.size(), payload));
  }
  const Result<void> decoded = decode_expectations(store::bytes_of(payload), source(), logits);
  if (!decoded) return decoded.error().in(path_.string());
  return {};
}

Result<void> StoredTeacher::append(const store::Digest& key, size_t n_tokens, const std::string& payload) {
  if (is_broken_)
    return make_error(ErrorCode::kIo, "{}: cannot be written any more, since a write failed", path_.string());
  const auto count = static_cast<uint32_t>(n_tokens);
  std::string record(reinterpret_cast<const char*>(&count), sizeof(count));
  append_digest(key, record);
  record += payload;
  append_digest(store::Digest::of(record), record);
  errno = write_all(file_.get(), store::bytes_of(record));
  if (errno != 0) {
    const Error error = errno_error(path_, "cannot be written");
    // A part of a record would make what follows unreadable. Where it stays, nothing may follow: who opens
    // the file next cuts it off.
    if (::ftruncate(file_.get(), static_cast<off_t>(index_.n_bytes)) != 0) is_broken_ = true;
    return error;
  }
  index_.records.try_emplace(key, ExpectationIndex::Record{index_.n_bytes + kRecordHead, n_tokens});
  index_.n_bytes += record.size();
  return {};
}

}  // namespace hearth::train
