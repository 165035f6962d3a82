// hearth tokenizer: makes a tokenizer for a model that is to be trained.
#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/output_file.h"
#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/units.h"
#include "models/tokenizer_gguf.h"
#include "text/chat_template/chat_template.h"
#include "text/documents/documents.h"
#include "text/tokenizer/training/bpe_trainer.h"

namespace hearth::cli {
namespace {

namespace fs = std::filesystem;

struct TrainTokenizerOptions {
  std::vector<std::string> sources;
  std::string output;
  int64_t vocabulary_size = 0;
  text::BpeTrainingOptions training;
  std::string chat_template;
  int64_t min_count = 2;
  int64_t memory_gib = 4;
  bool force = false;
  bool json = false;
};

struct Sources {
  std::vector<fs::path> files;
  uint64_t n_bytes = 0;
};

Result<Sources> find_sources(const TrainTokenizerOptions& options) {
  Sources sources;
  for (const std::string& source : options.sources) {
    HEARTH_ASSIGN(const std::vector<fs::path> files, text::find_document_files(source));
    for (const fs::path& file : files) {
      std::error_code error;
      if (fs::equivalent(file, options.output, error)) {
        return make_error(ErrorCode::kInvalidArgument, "{}: expected another file than the texts",
                          options.output);
      }
      const uint64_t size = fs::file_size(file, error);
      sources.n_bytes += error ? 0 : size;
      sources.files.push_back(file);
    }
  }
  return sources;
}

Result<std::string> read_template(const std::string& path) {
  if (path.empty()) return std::string();
  HEARTH_ASSIGN(std::string source, read_text_file(path));
  HEARTH_TRY(text::ChatTemplate::parse(source, path));
  return source;
}

Result<text::BpeTrainer> make_trainer(const TrainTokenizerOptions& options) {
  text::BpeTrainingOptions training = options.training;
  training.vocabulary_size = options.vocabulary_size;
  training.min_count = static_cast<uint64_t>(options.min_count);
  training.memory_bytes = static_cast<uint64_t>(options.memory_gib) << 30U;
  training.add_bos = training.bos.has_value();
  return text::BpeTrainer::create(std::move(training));
}

Result<void> read_sources(const Sources& sources, text::BpeTrainer& trainer, ProgressLine& line) {
  uint64_t done = 0;  // roughly: of *.jsonl, texts are less than the file
  const auto take = [&](const text::Document& document) -> Result<void> {
    if (interrupted()) return make_error(ErrorCode::kCancelled, "stopped");
    line.show(fmt::format("reading: {} of {}", format_bytes(done), format_bytes(sources.n_bytes)));
    for (const text::ChatMessage& message : document.messages) {
      done += message.content.size();
      HEARTH_TRY(trainer.add(message.content));
    }
    done += document.text.size();
    return document.text.empty() ? Result<void>() : trainer.add(document.text);
  };
  for (const fs::path& file : sources.files) HEARTH_TRY(text::read_documents(file, take));
  return {};
}

// Writes the file, and returns its size.
Result<uint64_t> write_tokenizer(OutputFile& file, const text::TrainedVocabulary& vocabulary,
                                 const std::string& chat_template) {
  gguf::FileDraft draft;
  // The format wants one of every file, and programs look at it before they look for a vocabulary.
  draft.set_string("general.architecture", "llama");
  models::set_vocabulary(draft, vocabulary);
  if (!chat_template.empty()) draft.set_string("tokenizer.chat_template", chat_template);
  HEARTH_ASSIGN(gguf::Writer writer, gguf::Writer::begin(draft, [&](std::span<const std::byte> bytes) {
                  return file.append(bytes);
                }));
  HEARTH_TRY(writer.finish());
  HEARTH_TRY(file.finish());
  return writer.size_bytes();
}

double bytes_per_token(const text::TrainingTexts& texts) {
  return static_cast<double>(texts.n_bytes) / static_cast<double>(std::max<uint64_t>(texts.n_tokens, 1));
}

Result<void> report(const TrainTokenizerOptions& options, const text::TrainedVocabulary& vocabulary,
                    uint64_t file_bytes, double elapsed_s, const Context& context) {
  const text::TrainingTexts& texts = vocabulary.texts;
  context.console.note(fmt::format(
      "{}: {} tokens, {}; {} of text in {} tokens, {:.2f} bytes per token; {} ({}/s)", options.output,
      group_digits(vocabulary.tokens.size()), format_bytes(file_bytes), format_bytes(texts.n_bytes),
      group_digits(texts.n_tokens), bytes_per_token(texts), format_seconds(elapsed_s),
      format_bytes(static_cast<uint64_t>(static_cast<double>(texts.n_bytes) / std::max(elapsed_s, 0.001)))));
  if (!options.json) return {};
  return write_json({{"file", options.output},
                     {"bytes", file_bytes},
                     {"pre", vocabulary.pre},
                     {"vocabulary", vocabulary.tokens.size()},
                     {"merges", vocabulary.merges.size()},
                     {"texts", texts.n_texts},
                     {"text_bytes", texts.n_bytes},
                     {"text_tokens", texts.n_tokens},
                     {"bytes_per_token", bytes_per_token(texts)},
                     {"distinct_words", texts.n_distinct_words},
                     {"elapsed_s", elapsed_s}});
}

Result<void> train_tokenizer(const TrainTokenizerOptions& options, const Context& context) {
  HEARTH_ASSIGN(text::BpeTrainer trainer, make_trainer(options));
  HEARTH_ASSIGN(const std::string chat_template, read_template(options.chat_template));
  HEARTH_ASSIGN(const Sources sources, find_sources(options));
  const auto existing = options.force ? OutputFile::Existing::kReplace : OutputFile::Existing::kRefuse;
  auto file = OutputFile::create(options.output, existing);
  std::error_code ignored;
  if (!file && !options.force && fs::is_regular_file(options.output, ignored)) {
    return make_error(file.error().code(), "{} (--force replaces it)", file.error().message());
  }
  if (!file) return file.error();

  ProgressLine line(context.console);
  const double began = monotonic_seconds();
  HEARTH_TRY(read_sources(sources, trainer, line));
  HEARTH_ASSIGN(const text::TrainedVocabulary vocabulary, trainer.train([&](int64_t done, int64_t total) {
    line.show(fmt::format("merging: {} of {}", done, total));
    return !interrupted();
  }));
  HEARTH_ASSIGN(const uint64_t file_bytes, write_tokenizer(*file, vocabulary, chat_template));
  line.show("");
  return report(options, vocabulary, file_bytes, monotonic_seconds() - began, context);
}

constexpr const char* kTrainTokenizerExamples =
    R"(Texts are UTF-8: *.txt and *.md, and *.jsonl with {"text": ...} or {"messages": [{"role", "content"}, ...]} on each
line. Of a folder, these are taken, and those of the folders in it; other files, named singly, are taken for text. The
same texts give the same file, in whatever order they are named. hearth tokenize OUTPUT "..." tries it.

Special tokens are never made of text, only put there by a chat template or by name; in the texts they are cut out.
They come last: the 256 bytes have the ids 0 to 255, merges come behind, and --special, --bos, --eos and --pad as named.

Examples:
  hearth tokenizer train books/ --vocabulary 8192 --output tokenizer.gguf --eos "<|endoftext|>"
  hearth tokenizer train chats.jsonl stories/ --vocabulary 4096 --output chat.gguf --special "<|im_start|>" \
    --eos "<|im_end|>" --chat-template chatml.jinja)";

void add_token_option(CLI::App& command, const char* name, std::optional<std::string>& text,
                      const char* description) {
  command
      .add_option_function<std::string>(
          name, [&text](const std::string& given) { text = given; }, description)
      ->type_name("TEXT");
}

void add_train_options(CLI::App& command, TrainTokenizerOptions& options) {
  add_texts_argument(command, "FILE", options.sources, "a file or folder of text");
  command.get_option("FILE")->required();
  add_count_option(command, "--vocabulary", options.vocabulary_size, 1, int64_t{1} << 24,
                   "how many tokens, bytes and special ones among them");
  command.get_option("--vocabulary")->required();
  command.add_option("-o,--output", options.output, "the GGUF file to write")->required()->type_name("FILE");
  command
      .add_option("--pre", options.training.pre,
                  "how text is cut into words, by the name in GGUF files (default: qwen2, digits one by one)")
      ->type_name("NAME");
  command.add_option("--special", options.training.special, "a token that is no text; may be repeated")
      ->allow_extra_args(false)
      ->type_name("TEXT");
  add_token_option(command, "--bos", options.training.bos, "the special token with which every text begins");
  add_token_option(command, "--eos", options.training.eos, "the special token that ends an answer");
  add_token_option(command, "--pad", options.training.padding, "the special token that fills up batches");
  command.add_option("--chat-template", options.chat_template, "put this Jinja template into the file")
      ->type_name("FILE");
  add_count_option(command, "--min-count", options.min_count, 1, int64_t{1} << 40,
                   "what occurs less often becomes no token (default: 2)");
  add_count_option(command, "--memory", options.memory_gib, 1, 1 << 20,
                   "GiB that the distinct words of the texts may take (default: 4)");
  command.add_flag("--force", options.force, "replace the output where it is there");
  command.add_flag("--json", options.json, "print one JSON object");
}

}  // namespace

void add_tokenizer_command(CLI::App& parser, Action& action) {
  CLI::App* command = parser.add_subcommand("tokenizer", "Make a tokenizer out of texts");
  command->require_subcommand(1);
  auto options = std::make_shared<TrainTokenizerOptions>();
  CLI::App* train = command->add_subcommand("train", "Train a byte-level BPE, and write it as a GGUF file");
  add_train_options(*train, *options);
  train->footer(kTrainTokenizerExamples);
  command->footer(kTrainTokenizerExamples);
  train->fallthrough();
  train->callback([options, &action] {
    action = [options](const Context& context) { return train_tokenizer(*options, context); };
  });
}

}  // namespace hearth::cli
