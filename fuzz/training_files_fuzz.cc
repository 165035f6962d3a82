// Files that training is given: texts, lines of JSON, recipes, logs of earlier runs, a teacher's
// expectations. The first byte says which.
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "base/utf8.h"
#include "text/documents/documents.h"
#include "train/expectation_file.h"
#include "train/recipe.h"
#include "train/run_log.h"

namespace {

using namespace hearth;

// What is taken is text, however it is parted.
std::string texts_of(const char* name, std::string_view bytes, const text::DocumentLimits& limits) {
  std::string all;
  const auto read = text::parse_documents(
      name, bytes,
      [&](const text::Document& document) -> Result<void> {
        HEARTH_CHECK(!document.where.empty());
        HEARTH_CHECK(sanitize_utf8(document.text) == document.text);
        HEARTH_CHECK(document.text.find('\0') == std::string_view::npos);
        HEARTH_CHECK(document.messages.empty() || document.text.empty());
        if (!document.continues) all += '\0';
        all += document.text;
        for (const text::ChatMessage& message : document.messages) all += message.role + message.content;
        return {};
      },
      limits);
  return read ? all : read.error().message();
}

void read_recipe(std::string_view json) {
  const auto recipe = train::parse_recipe(json, "folder");
  if (!recipe) {
    HEARTH_CHECK(!recipe.error().message().empty());
    return;
  }
  HEARTH_CHECK(recipe->training.batch.rows() >= 1 && recipe->training.n_steps >= 1 &&
               !recipe->texts.train.empty());
  HEARTH_CHECK(recipe->training.schedule.warmup_steps < recipe->training.schedule.total_steps);
  HEARTH_CHECK(train::difference(recipe->json(), recipe->json()).empty());
}

void read_log(std::string_view lines) {
  const auto log = train::parse_log("log", lines, 5);
  if (!log) return;
  HEARTH_CHECK(log->n_bytes <= lines.size());
  for (const train::LogEntry& entry : log->entries) HEARTH_CHECK(entry.step.step <= 5);
  // Of what was kept, all is kept.
  const auto again = train::parse_log("log", lines.substr(0, log->n_bytes), 5);
  HEARTH_CHECK(again && again->entries.size() == log->entries.size());
}

void read_expectations(std::string_view bytes) {
  const auto all = std::as_bytes(std::span(bytes));
  const auto index = train::parse_expectations("file", all);
  if (!index) {
    HEARTH_CHECK(index.error().message().starts_with("file: "));
    return;
  }
  HEARTH_CHECK(index->n_bytes <= bytes.size());
  for (const auto& [key, record] : index->records) {
    const size_t n_payload = record.n_tokens * static_cast<size_t>(index->source.top_k) * 8;
    HEARTH_CHECK(record.payload + n_payload <= index->n_bytes);
    std::vector<float> logits(record.n_tokens * static_cast<size_t>(index->source.vocabulary));
    if (logits.size() > (size_t{1} << 20U)) continue;
    const auto decoded =
        train::decode_expectations(all.subspan(record.payload, n_payload), index->source, logits);
    HEARTH_CHECK(decoded || !decoded.error().message().empty());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 5) {
    case 0: {
      const std::string whole = texts_of("a.txt", bytes, {});
      const std::string parted = texts_of("a.txt", bytes, {.part_bytes = 16, .line_bytes = 64});
      // Parts do not begin with line ends, nor does a text end with them: those are the same.
      HEARTH_CHECK(whole == parted);
      break;
    }
    case 1:
      texts_of("a.jsonl", bytes, {.part_bytes = 16, .line_bytes = 4096});
      break;
    case 2:
      read_recipe(bytes);
      break;
    case 3:
      read_log(bytes);
      break;
    default:
      read_expectations(bytes);
  }
  return 0;
}
