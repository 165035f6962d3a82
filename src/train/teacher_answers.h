// Conversations with a teacher's answers in the place of those that they have: what a student learns in
// sequence-level distillation. Source: arXiv:1606.07947.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/loaded_model.h"

namespace hearth::train {

struct TeacherAnswersOptions {
  int64_t most_tokens = 512;        // of an answer, which is cut there
  int64_t n_at_once = 8;            // conversations that are answered beside each other
  std::string teacher_digest = {};  // of all that it computes with
};

struct TeacherAnswersProgress {
  int64_t n_done = 0;  // conversations, those of an earlier call among them
  int64_t n_conversations = 0;
  int64_t n_cut = 0;  // of those of this call
};

// Writes a line of .jsonl of each conversation in the texts of `sources` (files and folders), in their order;
// the teacher says its answers greedily, each behind its own earlier ones. Texts that are no conversations
// are left out. A conversation in which there is no room for an answer in the teacher's context any more is
// cut behind the answer before; behind what was asked first, where there is none. Returns the file, in
// `folder`, whose name tells the teacher and the texts: whatever ended an earlier call for the same, its
// whole lines are kept. Errors: those of the texts, naming them; kUnsupported for a teacher without a chat
// format; kInvalidArgument where there is no conversation; kCancelled where on_progress returns false; kIo.
Result<std::filesystem::path> write_teacher_answers(
    const std::vector<std::filesystem::path>& sources, engine::LoadedModel& teacher,
    const std::filesystem::path& folder, const TeacherAnswersOptions& options,
    const std::function<bool(const TeacherAnswersProgress&)>& on_progress);

}  // namespace hearth::train
