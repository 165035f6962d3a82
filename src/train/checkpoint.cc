#include "train/checkpoint.h"

#include <array>
#include <cstring>
#include <nlohmann/json.hpp>

#include "base/json_text.h"
#include "base/output_file.h"
#include "formats/gguf/gguf.h"
#include "formats/gguf/writer.h"
#include "store/digest.h"
#include "train/recipe.h"

namespace hearth::train {
namespace {

namespace fs = std::filesystem;

constexpr const char* kArchitecture = "hearth.training";  // which no engine runs
constexpr const char* kStep = "hearth.training.step";
constexpr const char* kRecipe = "hearth.training.recipe";
constexpr const char* kTokenizer = "hearth.training.tokenizer";
constexpr const char* kCorpus = "hearth.training.corpus";
constexpr const char* kHeldOut = "hearth.training.held_out";
constexpr const char* kDigest = "hearth.training.digest";

constexpr std::array<const char*, 3> kParts = {"weights", "adamw.means", "adamw.squares"};
using Parts = std::array<std::span<const float>, kParts.size()>;

std::string digest_of(int64_t step, const Parts& parts) {
  store::Hasher hasher;
  hasher.update(std::as_bytes(std::span(&step, 1)));
  for (const std::span<const float> part : parts) hasher.update(std::as_bytes(part));
  return hasher.finish().hex();
}

Result<void> check_same(const gguf::File& file, const char* key, const std::string& now,
                        std::string_view what) {
  HEARTH_ASSIGN(const std::string_view was, file.string(key));
  if (was == now) return {};
  return make_error(ErrorCode::kInvalidArgument,
                    "{}: expected a checkpoint of this run, found one of another: {} is not what it was",
                    file.name(), what);
}

Result<void> check_identity(const gguf::File& file, const RunIdentity& identity) {
  HEARTH_ASSIGN(const std::string_view recipe, file.string(kRecipe));
  if (recipe != identity.recipe) {
    // Which recipe() wrote as they stand.
    const auto was = nlohmann::ordered_json::parse(recipe, nullptr, /*allow_exceptions=*/false);
    const auto is = nlohmann::ordered_json::parse(identity.recipe, nullptr, /*allow_exceptions=*/false);
    return make_error(ErrorCode::kInvalidArgument,
                      "{}: expected a checkpoint of this recipe, found one of another: {}", file.name(),
                      was.is_discarded() ? "one that cannot be read" : difference(was, is));
  }
  HEARTH_TRY(check_same(file, kTokenizer, identity.tokenizer, "the tokenizer"));
  HEARTH_TRY(check_same(file, kCorpus, identity.corpus, "the text to train on"));
  return check_same(file, kHeldOut, identity.held_out, "the text that is held out");
}

Result<std::vector<float>> read_part(const gguf::File& file, const char* name, int64_t n) {
  const gguf::TensorInfo* tensor = file.find_tensor(name);
  if (tensor == nullptr || tensor->dtype != tensor::DType::kF32 || tensor->shape != tensor::Shape{n}) {
    return make_error(ErrorCode::kMalformed, "{}: expected a tensor {} of {} numbers in F32, found none",
                      file.name(), name, n);
  }
  std::vector<float> numbers(static_cast<size_t>(n));
  std::memcpy(numbers.data(), tensor->data.data(), tensor->data.size());
  return numbers;
}

}  // namespace

Result<void> write_checkpoint(const fs::path& path, const RunIdentity& identity, int64_t step,
                              std::span<const float> weights, const AdamW<float>::State& state) {
  const Parts parts = {weights, state.means, state.squares};
  gguf::FileDraft draft;
  draft.set_string("general.architecture", kArchitecture);
  draft.set_number<uint64_t>(kStep, static_cast<uint64_t>(step));
  draft.set_string(kRecipe, identity.recipe);
  draft.set_string(kTokenizer, identity.tokenizer);
  draft.set_string(kCorpus, identity.corpus);
  draft.set_string(kHeldOut, identity.held_out);
  draft.set_string(kDigest, digest_of(step, parts));
  for (const char* name : kParts)
    draft.add_tensor(name, tensor::DType::kF32, tensor::Shape{std::ssize(weights)});

  HEARTH_ASSIGN(OutputFile file, OutputFile::create(path, OutputFile::Existing::kReplace));
  HEARTH_ASSIGN(gguf::Writer writer, gguf::Writer::begin(draft, [&](std::span<const std::byte> bytes) {
                  return file.append(bytes);
                }));
  HEARTH_TRY(file.reserve(writer.size_bytes()));
  for (const std::span<const float> part : parts) HEARTH_TRY(writer.append(std::as_bytes(part)));
  HEARTH_TRY(writer.finish());
  return file.finish();
}

Result<Checkpoint> read_checkpoint(const fs::path& path, const RunIdentity& identity, int64_t n_weights) {
  HEARTH_ASSIGN(const gguf::File file, gguf::File::open(path));
  HEARTH_ASSIGN(const std::string_view architecture, file.string("general.architecture"));
  if (architecture != kArchitecture) {
    return make_error(ErrorCode::kMalformed, "{}: expected a checkpoint of training, found a model of {}",
                      file.name(), architecture);
  }
  HEARTH_TRY(check_identity(file, identity));
  Checkpoint checkpoint;
  HEARTH_ASSIGN(const uint64_t step, file.u64(kStep));
  checkpoint.step = static_cast<int64_t>(step);
  HEARTH_ASSIGN(checkpoint.weights, read_part(file, kParts[0], n_weights));
  HEARTH_ASSIGN(checkpoint.state.means, read_part(file, kParts[1], n_weights));
  HEARTH_ASSIGN(checkpoint.state.squares, read_part(file, kParts[2], n_weights));
  checkpoint.state.n_steps = checkpoint.step;
  HEARTH_ASSIGN(const std::string_view digest, file.string(kDigest));
  if (digest !=
      digest_of(checkpoint.step, {checkpoint.weights, checkpoint.state.means, checkpoint.state.squares})) {
    return make_error(ErrorCode::kMalformed,
                      "{}: expected data of the digest {}, found others: it is damaged", file.name(), digest);
  }
  return checkpoint;
}

}  // namespace hearth::train
