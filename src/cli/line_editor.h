// Lines that a person types, with editing and history.
#pragma once

#include <filesystem>
#include <string>

#include "base/result.h"

struct editline;
struct history;

namespace hearth::cli {

// Owns the terminal's editor (libedit) on stdin, with prompts on stderr. One at a time: not thread-safe.
class LineEditor {
 public:
  // `history_file`: read now, appended to as lines come, created with mode 0600; empty: none is kept.
  explicit LineEditor(std::filesystem::path history_file);
  LineEditor(const LineEditor&) = delete;
  LineEditor& operator=(const LineEditor&) = delete;
  ~LineEditor();

  enum class Outcome { kLine, kInterrupted, kEnd };
  struct Line {
    Outcome outcome = Outcome::kEnd;
    std::string text;  // without the newline
  };
  // Ctrl-C gives kInterrupted and leaves no interrupt pending; Ctrl-D on an empty line, or the end of stdin,
  // kEnd.
  Line read(const std::string& prompt);

  // Puts a text into the history and its file; a text of several lines counts as one.
  void remember(const std::string& text);

 private:
  static constexpr int kHistoryEntries = 1000;

  std::filesystem::path history_file_;
  std::string prompt_;
  editline* editor_ = nullptr;
  history* history_ = nullptr;
};

// HEARTH_HOME/history, else $XDG_DATA_HOME/hearth/history, else ~/.local/share/hearth/history; empty where
// none of these variables is set. Makes the folder (mode 0700).
std::filesystem::path history_path();

}  // namespace hearth::cli
