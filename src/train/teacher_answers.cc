#include "train/teacher_answers.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>

#include "base/mapped_file.h"
#include "base/unique_descriptor.h"
#include "base/write_all.h"
#include "models/chat_format.h"
#include "store/digest.h"
#include "text/documents/documents.h"
#include "train/errno_error.h"

namespace hearth::train {
namespace {

namespace fs = std::filesystem;
using Messages = std::vector<text::ChatMessage>;

Result<void> for_conversations(const std::vector<fs::path>& sources,
                               const std::function<Result<void>(const Messages&)>& take) {
  for (const fs::path& source : sources) {
    HEARTH_ASSIGN(const std::vector<fs::path> files, text::find_document_files(source));
    for (const fs::path& file : files) {
      HEARTH_TRY(text::read_documents(file, [&](const text::Document& document) -> Result<void> {
        return document.messages.empty() ? Result<void>() : take(document.messages);
      }));
    }
  }
  return {};
}

struct Contents {
  int64_t n_conversations = 0;
  std::string digest;  // of them, and of who answers how
};

Result<Contents> look_through(const std::vector<fs::path>& sources, const TeacherAnswersOptions& options) {
  Contents contents;
  store::Hasher hasher;
  const auto add = [&](std::string_view text) {
    const uint64_t size = text.size();
    hasher.update(std::as_bytes(std::span(&size, 1)));
    hasher.update(store::bytes_of(text));
  };
  add(options.teacher_digest);
  add(fmt::format("{}", options.most_tokens));
  HEARTH_TRY(for_conversations(sources, [&](const Messages& messages) -> Result<void> {
    ++contents.n_conversations;
    for (const text::ChatMessage& message : messages) {
      add(message.role);
      add(message.content);
    }
    return {};
  }));
  contents.digest = hasher.finish().hex();
  if (contents.n_conversations > 0) return contents;
  return make_error(ErrorCode::kInvalidArgument,
                    "the text to train on: expected conversations for the teacher to answer, found none");
}

// Lines of an earlier call are kept, but for one that was not finished.
class Lines {
 public:
  static Result<Lines> open(fs::path path) {
    UniqueDescriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666));
    if (!file) return errno_error(path, "cannot be opened");
    if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
      return make_error(ErrorCode::kUnavailable, "{}: another process writes it", path.string());
    }
    Lines lines(std::move(path), std::move(file));
    HEARTH_TRY(lines.read());
    return lines;
  }
  int64_t n() const noexcept { return n_; }
  Result<void> append(const std::string& line) {
    errno = write_all(file_.get(), std::as_bytes(std::span(line)));
    if (errno != 0) return errno_error(path_, "cannot be written");
    ++n_;
    return {};
  }

 private:
  Lines(fs::path path, UniqueDescriptor file) : path_(std::move(path)), file_(std::move(file)) {}

  Result<void> read() {
    size_t n_bytes = 0;
    {
      HEARTH_ASSIGN(const MappedFile mapped, MappedFile::of_descriptor(file_.get(), path_));
      const std::string_view text(reinterpret_cast<const char*>(mapped.bytes().data()),
                                  mapped.bytes().size());
      n_ = std::count(text.begin(), text.end(), '\n');
      n_bytes = text.rfind('\n') + 1;  // none: 0
    }
    if (::ftruncate(file_.get(), static_cast<off_t>(n_bytes)) != 0)
      return errno_error(path_, "cannot be cut");
    return {};
  }

  fs::path path_;
  UniqueDescriptor file_;
  int64_t n_ = 0;
};

// Some conversations, which are answered beside each other.
class Answering {
 public:
  Answering(engine::LoadedModel& teacher, const text::ChatFormat& format, int64_t most_tokens)
      : teacher_(teacher), format_(format), most_tokens_(most_tokens) {}

  // Of all so far, how many did not fit into the teacher's context.
  int64_t n_cut() const noexcept { return n_cut_; }

  Result<void> answer(std::vector<Messages>& conversations) {
    for (Messages& conversation : conversations) HEARTH_TRY(ask(conversation, 0));
    while (teacher_.engine().has_work()) {
      HEARTH_ASSIGN(const engine::StepReport report, teacher_.engine().step());
      for (const engine::Event& event : report.events) HEARTH_TRY(take(event));
    }
    return {};
  }

 private:
  struct Asked {
    Messages* conversation = nullptr;
    size_t message = 0;  // whose content comes
    std::string text;
  };

  // For the next of the assistant's messages from `first` on, if there is one.
  Result<void> ask(Messages& conversation, size_t first) {
    const auto next =
        std::find_if(conversation.begin() + static_cast<std::ptrdiff_t>(first), conversation.end(),
                     [](const text::ChatMessage& message) { return message.role == "assistant"; });
    if (next == conversation.end()) return {};
    const auto at = static_cast<size_t>(next - conversation.begin());
    const std::pair<std::string, text::Value> switches[] = {
        {"add_generation_prompt", text::Value::boolean(true)}};
    engine::Request request;
    HEARTH_ASSIGN(request.prompt,
                  format_.encode(text::conversation_context(std::span(conversation).first(at), switches)));
    request.sampling.temperature = 0.0F;
    request.max_tokens = most_tokens_;
    const auto id = teacher_.engine().submit(std::move(request));
    const bool is_too_long = !id && id.error().code() == ErrorCode::kResourceExhausted;
    if (is_too_long && at > 0) {
      cut(conversation, first > 0 ? first : at);
      return {};
    }
    if (!id) return id.error();
    asked_[*id] = {&conversation, at, ""};
    return {};
  }

  void cut(Messages& conversation, size_t n_messages) {
    conversation.erase(conversation.begin() + static_cast<std::ptrdiff_t>(n_messages), conversation.end());
    ++n_cut_;
  }

  Result<void> take(const engine::Event& event) {
    Asked& asked = asked_.at(event.request);
    asked.text += event.text;
    if (!event.finish) return {};
    if (event.failure) return *event.failure;
    const Asked done = std::move(asked);
    asked_.erase(event.request);
    (*done.conversation)[done.message].content = done.text;
    return ask(*done.conversation, done.message + 1);
  }

  engine::LoadedModel& teacher_;
  const text::ChatFormat& format_;
  const int64_t most_tokens_;
  std::map<engine::RequestId, Asked> asked_;
  int64_t n_cut_ = 0;
};

std::string line_of(const Messages& messages) {
  auto json = nlohmann::ordered_json::array();
  for (const text::ChatMessage& message : messages)
    json.push_back({{"role", message.role}, {"content", message.content}});
  const nlohmann::ordered_json line{{"messages", std::move(json)}};
  return line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace

Result<fs::path> write_teacher_answers(
    const std::vector<fs::path>& sources, engine::LoadedModel& teacher, const fs::path& folder,
    const TeacherAnswersOptions& options,
    const std::function<bool(const TeacherAnswersProgress&)>& on_progress) {
  HEARTH_ASSIGN(const auto chat,
                models::load_chat_format(teacher.checkpoint(), teacher.tokenizer(), /*with_tools=*/false));
  if (!chat) {
    return make_error(ErrorCode::kUnsupported, "{}: expected a teacher with a chat template, found none",
                      teacher.checkpoint().name());
  }
  HEARTH_ASSIGN(const Contents contents, look_through(sources, options));
  std::error_code failed;
  fs::create_directories(folder, failed);
  if (failed) return make_error(ErrorCode::kIo, "{}: cannot be made: {}", folder.string(), failed.message());
  const fs::path path = folder / fmt::format("answers-{}.jsonl", contents.digest.substr(0, 16));
  HEARTH_ASSIGN(Lines lines, Lines::open(path));
  Answering answering(teacher, chat->format, options.most_tokens);
  std::vector<Messages> waiting;
  const auto answer = [&]() -> Result<void> {
    HEARTH_TRY(answering.answer(waiting));
    for (const Messages& messages : waiting) HEARTH_TRY(lines.append(line_of(messages)));
    waiting.clear();
    if (on_progress({lines.n(), contents.n_conversations, answering.n_cut()})) return {};
    return make_error(ErrorCode::kCancelled, "stopped");
  };
  int64_t index = 0;
  HEARTH_TRY(for_conversations(sources, [&](const Messages& messages) -> Result<void> {
    if (index++ < lines.n()) return {};
    waiting.push_back(messages);
    return std::ssize(waiting) == options.n_at_once ? answer() : Result<void>();
  }));
  if (!waiting.empty()) HEARTH_TRY(answer());
  return path;
}

}  // namespace hearth::train
