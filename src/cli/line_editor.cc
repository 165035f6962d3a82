#include "cli/line_editor.h"

#include <fcntl.h>
#include <histedit.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <system_error>

#include "base/utf8.h"
#include "cli/interrupt.h"

namespace hearth::cli {
namespace {

namespace fs = std::filesystem;

// Holds SIGINT back while it lives, so that looking at the flag and beginning to wait are one step.
class InterruptHold {
 public:
  InterruptHold() {
    sigset_t interrupt;
    sigemptyset(&interrupt);
    sigaddset(&interrupt, SIGINT);
    pthread_sigmask(SIG_BLOCK, &interrupt, &before_);
  }
  InterruptHold(const InterruptHold&) = delete;
  InterruptHold& operator=(const InterruptHold&) = delete;
  ~InterruptHold() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

  const sigset_t& before() const { return before_; }

 private:
  sigset_t before_;
};

// One byte of stdin. 1, or 0 at the end, or -1 at Ctrl-C or an error. The editor's own reader tries again
// after the signal, which would leave Ctrl-C without effect; a plain read() would miss one that comes just
// before it.
int read_byte(char* byte) {
  const InterruptHold hold;
  while (!interrupted()) {
    pollfd input{STDIN_FILENO, POLLIN, 0};
    if (ppoll(&input, 1, nullptr, &hold.before()) < 0) {
      if (errno != EINTR) return -1;
      continue;
    }
    const ssize_t n = ::read(STDIN_FILENO, byte, 1);
    if (n >= 0) return static_cast<int>(n);
    if (errno != EINTR) return -1;
  }
  return -1;
}

int read_character(EditLine* /*editor*/, wchar_t* character) {
  std::string bytes;
  do {
    char byte = 0;
    const int n = read_byte(&byte);
    if (n <= 0) return n;
    bytes += byte;
  } while (complete_utf8_prefix(bytes) != bytes.size());
  *character = static_cast<wchar_t>(decode_utf8(bytes).code_point);
  return 1;
}

char* prompt_of(EditLine* editor) {
  void* prompt = nullptr;
  el_get(editor, EL_CLIENTDATA, &prompt);
  return static_cast<std::string*>(prompt)->data();
}

bool make_private_folder(const fs::path& folder) {
  std::error_code error;
  if (fs::is_directory(folder, error)) return true;
  fs::create_directories(folder.parent_path(), error);
  return mkdir(folder.c_str(), S_IRWXU) == 0;
}

}  // namespace

LineEditor::LineEditor(fs::path history_file) : history_file_(std::move(history_file)) {
  HistEvent event;
  history_ = history_init();
  ::history(history_, &event, H_SETSIZE, kHistoryEntries);
  ::history(history_, &event, H_SETUNIQUE, 1);
  if (!history_file_.empty()) ::history(history_, &event, H_LOAD, history_file_.c_str());

  editor_ = el_init("hearth", stdin, stderr, stderr);
  el_set(editor_, EL_EDITOR, "emacs");
  el_set(editor_, EL_HIST, ::history, history_);
  el_set(editor_, EL_CLIENTDATA, &prompt_);
  el_set(editor_, EL_PROMPT, prompt_of);
  el_set(editor_, EL_GETCFN, read_character);
  el_set(editor_, EL_BIND, "^R", "em-inc-search-prev", nullptr);
  el_set(editor_, EL_BIND, "\\e[1~", "ed-move-to-beg", nullptr);
  el_set(editor_, EL_BIND, "\\e[4~", "ed-move-to-end", nullptr);
  el_set(editor_, EL_BIND, "\\e[3~", "ed-delete-next-char", nullptr);
}

LineEditor::~LineEditor() {
  el_end(editor_);
  history_end(history_);
}

LineEditor::Line LineEditor::read(const std::string& prompt) {
  prompt_ = prompt;
  clear_interrupt();
  // el_gets would take the terminal over only after it has shown the prompt: a Ctrl-D typed (or pasted) in
  // between would be lost.
  el_set(editor_, EL_PREP_TERM, 1);
  int length = 0;
  const char* line = el_gets(editor_, &length);
  if (interrupted()) {
    clear_interrupt();
    el_set(editor_, EL_REFRESH);
    el_reset(editor_);
    std::fputs("\n", stderr);
    return {Outcome::kInterrupted, {}};
  }
  if (line == nullptr || length <= 0) return {Outcome::kEnd, {}};
  std::string text(line, static_cast<size_t>(length));
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  return {Outcome::kLine, std::move(text)};
}

void LineEditor::remember(const std::string& text) {
  HistEvent event;
  ::history(history_, &event, H_ENTER, text.c_str());
  if (history_file_.empty()) return;
  // Made before libedit opens it by name, so that no moment exists in which others may read it.
  const int file = open(history_file_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (file < 0) return;
  fchmod(file, S_IRUSR | S_IWUSR);
  close(file);
  ::history(history_, &event, H_SAVE, history_file_.c_str());
}

fs::path history_path() {
  const auto variable = [](const char* name) {
    const char* value = std::getenv(name);
    return fs::path(value == nullptr ? "" : value);
  };
  fs::path folder = variable("HEARTH_HOME");
  if (folder.empty() && !variable("XDG_DATA_HOME").empty()) folder = variable("XDG_DATA_HOME") / "hearth";
  if (folder.empty() && !variable("HOME").empty()) folder = variable("HOME") / ".local/share/hearth";
  if (folder.empty() || !make_private_folder(folder)) return {};
  return folder / "history";
}

}  // namespace hearth::cli
