// hearth distill: a model from nothing but text, and what a larger one expects of it.
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/thread_pool.h"
#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/model_loading.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/recipe_file.h"
#include "cli/training_progress.h"
#include "cli/training_threads.h"
#include "cli/units.h"
#include "train/base_model.h"
#include "train/engine_teacher.h"
#include "train/expectation_file.h"
#include "train/recipe_run.h"
#include "train/teacher_answers.h"

namespace hearth::cli {
namespace {

struct DistillOptions {
  std::string teacher;
  std::string recipe;
  std::string folder;
  double weight = 0.5;
  double temperature = 1.0;
  bool answers = false;
  std::string expectations;  // a file; empty: none is kept
  int64_t top_k = 0;         // in it; 0: kUsualTopK
  int64_t n_threads = 0;
  bool json = false;
};

constexpr int64_t kAnswersAtOnce = 8;
constexpr int64_t kUsualTopK = 64;

// From now on the recipe's conversations have the teacher's answers.
Result<void> let_teacher_answer(const DistillOptions& options, engine::LoadedModel& teacher,
                                const std::string& teacher_digest, const Context& context,
                                train::Recipe& recipe) {
  ProgressLine line(context.console);
  int64_t n_cut = 0;
  const train::TeacherAnswersOptions how{.n_at_once = kAnswersAtOnce, .teacher_digest = teacher_digest};
  HEARTH_ASSIGN(std::filesystem::path answers,
                train::write_teacher_answers(
                    recipe.texts.train, teacher, options.folder, how,
                    [&](const train::TeacherAnswersProgress& progress) {
                      n_cut = progress.n_cut;
                      line.show(fmt::format("the teacher answers: {} of {} conversations",
                                            group_digits(static_cast<uint64_t>(progress.n_done)),
                                            group_digits(static_cast<uint64_t>(progress.n_conversations))));
                      return !interrupted();
                    }));
  line.show("");
  if (n_cut > 0) {
    context.console.note(
        fmt::format("{} of the conversations did not fit into the teacher's {} tokens, and were cut",
                    group_digits(static_cast<uint64_t>(n_cut)),
                    group_digits(static_cast<uint64_t>(teacher.engine().context_tokens()))));
  }
  recipe.texts.train = {std::move(answers)};
  return {};
}

Result<void> learn(const DistillOptions& options, const Context& context, train::Recipe recipe,
                   const train::Distillation& distillation) {
  HEARTH_ASSIGN(const auto compute,
                TrainingThreads::create(context, options.n_threads, recipe.training.precision));
  TrainingProgress progress(context.console);
  HEARTH_ASSIGN(const train::RunOptions run, progress.run_options());
  HEARTH_ASSIGN(const train::RunResult result,
                train::run_recipe(std::move(recipe), options.folder, compute->threads(), run, &distillation));
  return report_recipe_run(progress, result, options.folder, options.json);
}

// From what a teacher said in an earlier run.
Result<void> distill_from_file(const DistillOptions& options, const Context& context, train::Recipe recipe) {
  if (options.answers || !options.expectations.empty()) {
    return make_error(ErrorCode::kUsage,
                      "{}: a teacher's expectations: expected a model with --answers and "
                      "--expectations",
                      options.teacher);
  }
  HEARTH_ASSIGN(const auto stored, train::StoredTeacher::open(options.teacher));
  const train::ExpectationSource& source = stored->source();
  return learn(options, context, std::move(recipe),
               {stored.get(), source.teacher_digest, options.weight, options.temperature, source.top_k});
}

Result<void> distill(const DistillOptions& options, const Context& context) {
  if (options.top_k > 0 && options.expectations.empty())
    return Error(ErrorCode::kUsage, "--top-k: expected --expectations, of whose file it is");
  HEARTH_ASSIGN(train::Recipe recipe, read_recipe(options.recipe));
  if (train::StoredTeacher::is_expectation_file(options.teacher))
    return distill_from_file(options, context, std::move(recipe));
  engine::LoadOptions load;
  if (options.answers) {
    load.max_sequences = kAnswersAtOnce;
  } else {
    load.context_tokens = std::max<int64_t>(recipe.training.batch.n_tokens, 2);
  }
  auto teacher_model = load_runnable_model(context, options.teacher, options.n_threads, load);
  if (!teacher_model) return teacher_model.error().in("the teacher");
  engine::LoadedModel& model = *teacher_model->model;
  train::EngineTeacher teacher(model);
  train::Distillation distillation{&teacher, "", options.weight, options.temperature};
  HEARTH_ASSIGN(distillation.teacher_digest,
                train::checkpoint_digest(model.checkpoint(), [](uint64_t) { return !interrupted(); }));

  if (options.answers) {
    HEARTH_TRY(let_teacher_answer(options, model, distillation.teacher_digest, context, recipe));
  }
  if (options.expectations.empty()) return learn(options, context, std::move(recipe), distillation);
  const int64_t vocabulary = model.info().vocabulary_size;
  const train::ExpectationSource source{distillation.teacher_digest,
                                        train::vocabulary_digest(model.tokenizer()), vocabulary,
                                        std::min(options.top_k > 0 ? options.top_k : kUsualTopK, vocabulary)};
  HEARTH_ASSIGN(const auto stored, train::StoredTeacher::open(options.expectations, source, teacher));
  distillation.teacher = stored.get();
  distillation.top_k = source.top_k;
  return learn(options, context, std::move(recipe), distillation);
}

constexpr const char* kDistillExamples =
    R"(STUDENT is a recipe as hearth train takes it: the sizes of the model to be, texts, how long. Its tokenizer must be the
TEACHER's, as "tokenizer": "teacher.gguf" says it. At each step the teacher reads the same tokens, and the student
learns its expectations beside the text itself. TEACHER may be any model that Hearth runs, quantised or not.

With --answers the teacher answers each conversation of the texts first, into FOLDER, and these answers take the place
of the text's (sequence distillation); with --weight 0 they are all that the student learns of it.

With --expectations FILE the most probable tokens that the teacher expects are kept in FILE, and it is asked no
sequence twice. FILE in the place of TEACHER is enough for other runs over the same texts, seed and steps.

FOLDER gets what hearth train writes: model.gguf at the end, and a checkpoint from which the same command goes on.

Examples:
  hearth distill teacher.gguf student.json student/
  hearth distill teacher-q8_0.gguf student.json student/ --weight 0.7 --temperature 2
  hearth distill teacher.gguf student.json student/ --expectations teacher.expectations
  hearth distill teacher.expectations smaller.json smaller/)";

}  // namespace

void add_distill_command(CLI::App& parser, Action& action) {
  auto options = std::make_shared<DistillOptions>();
  CLI::App* command =
      parser.add_subcommand("distill", "Train a small model on text and on what a larger one expects");
  command->add_option("TEACHER", options->teacher, "a model that knows more")->required()->type_name("");
  command->add_option("STUDENT", options->recipe, "what to train, on what, and how (JSON)")
      ->required()
      ->type_name("");
  command->add_option("FOLDER", options->folder, "where the run's files go")->required()->type_name("");
  add_number_option(*command, "--weight", options->weight, 0.0, 1.0,
                    "how much the teacher counts; the text has the rest (default: 0.5)");
  add_number_option(*command, "--temperature", options->temperature, 0.1, 100.0,
                    "that both models' expectations are softened by (default: 1)");
  command->add_flag("--answers", options->answers,
                    "let the teacher answer the texts' conversations first, and learn its answers");
  command->add_option("--expectations", options->expectations, "a file that keeps what the teacher expects")
      ->type_name("FILE");
  add_count_option(*command, "--top-k", options->top_k, 1, train::kMostTopK,
                   "the most probable tokens that it keeps (default: 64)");
  add_worker_threads_option(*command, options->n_threads);
  command->add_flag("--json", options->json, "print one JSON object");
  command->footer(kDistillExamples);
  command->callback([options, &action] {
    action = [options](const Context& context) { return distill(*options, context); };
  });
}

}  // namespace hearth::cli
