#include "train/recipe.h"

#include <nlohmann/json.hpp>
#include <set>

#include "base/json_text.h"

namespace hearth::train {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr int64_t kMostSteps = 1'000'000'000;
constexpr int64_t kMostRows = int64_t{1} << 20;  // tokens of a batch

// The members of an object, each of which is asked for once; what nobody asks for is unknown.
class Fields {
 public:
  static Result<Fields> of(const Json& value, std::string name) {
    if (!value.is_object()) {
      return make_error(ErrorCode::kInvalidArgument, "{}: expected an object, found {}",
                        name.empty() ? "recipe" : name, value.type_name());
    }
    return Fields(value, std::move(name));
  }

  // Null where it is absent.
  const Json* find(const char* name) {
    asked_.insert(name);
    const auto found = object_->find(name);
    return found == object_->end() ? nullptr : &*found;
  }
  Result<const Json*> need(const char* name, std::string_view expected) {
    const Json* found = find(name);
    if (found == nullptr) return wrong(name, expected, "nothing");
    return found;
  }

  Result<void> integer(const char* name, int64_t least, int64_t most, int64_t& out, bool is_needed = false) {
    const Json* found = find(name);
    const std::string expected = fmt::format("a whole number from {} to {}", least, most);
    if (found == nullptr) return is_needed ? wrong(name, expected, "nothing") : Result<void>();
    if (!found->is_number_integer() || *found < least || *found > most)
      return wrong(name, expected, found->dump());
    out = found->get<int64_t>();
    return {};
  }
  // least <= number <= most.
  Result<void> number(const char* name, double least, double most, double& out, bool is_needed = false) {
    const Json* found = find(name);
    const std::string expected = fmt::format("a number from {} to {}", least, most);
    if (found == nullptr) return is_needed ? wrong(name, expected, "nothing") : Result<void>();
    if (!found->is_number() || !(found->get<double>() >= least && found->get<double>() <= most))
      return wrong(name, expected, found->dump());
    out = found->get<double>();
    return {};
  }
  Result<void> flag(const char* name, bool& out) {
    const Json* found = find(name);
    if (found == nullptr) return {};
    if (!found->is_boolean()) return wrong(name, "true or false", found->dump());
    out = found->get<bool>();
    return {};
  }
  Result<void> text(const char* name, std::string& out, bool is_needed = false) {
    const Json* found = find(name);
    if (found == nullptr) return is_needed ? wrong(name, "a text", "nothing") : Result<void>();
    if (!found->is_string() || found->get_ref<const std::string&>().empty())
      return wrong(name, "a text", found->dump());
    out = found->get<std::string>();
    return {};
  }
  // One text or several.
  Result<void> texts(const char* name, std::vector<std::string>& out) {
    HEARTH_ASSIGN(const Json* found, need(name, "a path, or a list of them"));
    const Json list = found->is_array() ? *found : Json::array({*found});
    for (const Json& item : list) {
      if (!item.is_string() || item.get_ref<const std::string&>().empty())
        return wrong(name, "a path, or a list of them", found->dump());
      out.push_back(item.get<std::string>());
    }
    if (out.empty()) return wrong(name, "a path, or a list of them", "an empty list");
    return {};
  }

  Result<void> check_no_others() const {
    for (const auto& [name, value] : object_->items()) {
      if (asked_.contains(name)) continue;
      std::string known;
      for (const std::string& one : asked_) known += known.empty() ? one : ", " + one;
      return make_error(ErrorCode::kInvalidArgument, "{}: expected one of {}", path(name), known);
    }
    return {};
  }
  Error wrong(std::string_view name, std::string_view expected, std::string_view found) const {
    return make_error(ErrorCode::kInvalidArgument, "{}: expected {}, found {}", path(name), expected,
                      found.substr(0, 80));
  }
  std::string path(std::string_view name) const {
    return name_.empty() ? std::string(name) : fmt::format("{}.{}", name_, name);
  }

 private:
  Fields(const Json& object, std::string name) : object_(&object), name_(std::move(name)) {}

  const Json* object_;
  std::string name_;
  std::set<std::string, std::less<>> asked_;
};

Result<void> read_model(const Json& value, DecoderConfig& model) {
  constexpr int64_t kMost = int64_t{1} << 24;
  HEARTH_ASSIGN(Fields fields, Fields::of(value, "model"));
  HEARTH_TRY(fields.integer("width", 1, kMost, model.width, /*is_needed=*/true));
  HEARTH_TRY(fields.integer("layers", 1, kMost, model.n_layers, /*is_needed=*/true));
  HEARTH_TRY(fields.integer("heads", 1, kMost, model.n_heads, /*is_needed=*/true));
  model.n_kv_heads = model.n_heads;
  HEARTH_TRY(fields.integer("kv_heads", 1, kMost, model.n_kv_heads));
  HEARTH_TRY(fields.integer("ffn_width", 1, kMost, model.ffn_width, /*is_needed=*/true));
  HEARTH_TRY(fields.integer("context", 1, kMost, model.context_tokens, /*is_needed=*/true));
  HEARTH_TRY(fields.number("rope_base", 1.0, 1e12, model.rope_base));
  HEARTH_TRY(fields.number("norm_epsilon", 1e-12, 0.1, model.norm_epsilon));
  HEARTH_TRY(fields.flag("tied_embeddings", model.tied));
  HEARTH_TRY(fields.check_no_others());
  // Of the vocabulary nothing is known yet.
  DecoderConfig checked = model;
  checked.vocabulary = 1;
  if (const auto good = check_config(checked); !good) return good.error().in("model");
  return {};
}

Result<void> read_data(const Json& value, const fs::path& folder, Texts& texts) {
  HEARTH_ASSIGN(Fields fields, Fields::of(value, "data"));
  std::vector<std::string> train;
  HEARTH_TRY(fields.texts("train", train));
  for (const std::string& path : train) texts.train.push_back(folder / path);
  if (const Json* held_out = fields.find("held_out"); held_out != nullptr && held_out->is_number()) {
    texts.held_out_share = held_out->get<double>();
    if (!(texts.held_out_share > 0.0 && texts.held_out_share <= 0.5))
      return fields.wrong("held_out", "a share of more than 0 and at most 0.5, or paths", held_out->dump());
  } else if (held_out != nullptr) {
    std::vector<std::string> paths;
    HEARTH_TRY(fields.texts("held_out", paths));
    for (const std::string& path : paths) texts.held_out.push_back(folder / path);
  }
  std::string loss = "everything";
  HEARTH_TRY(fields.text("loss_on", loss));
  if (loss != "everything" && loss != "answers")
    return fields.wrong("loss_on", "\"everything\" or \"answers\"", loss);
  texts.only_answers = loss == "answers";
  return fields.check_no_others();
}

Result<void> read_training(const Json& value, int64_t context_tokens, TrainingOptions& training) {
  HEARTH_ASSIGN(Fields fields, Fields::of(value, "training"));
  constexpr bool kNeeded = true;
  HEARTH_TRY(fields.integer("steps", 1, kMostSteps, training.n_steps, kNeeded));
  HEARTH_TRY(fields.integer("sequences", 1, kMostRows, training.batch.n_sequences, kNeeded));
  training.batch.n_tokens = context_tokens;
  HEARTH_TRY(fields.integer("sequence_tokens", 1, context_tokens, training.batch.n_tokens));
  if (training.batch.n_sequences > kMostRows / training.batch.n_tokens) {
    return fields.wrong(
        "sequences", fmt::format("at most {} tokens in a batch", kMostRows),
        fmt::format("{} sequences of {}", training.batch.n_sequences, training.batch.n_tokens));
  }
  HEARTH_TRY(fields.integer("accumulate", 1, kMostRows, training.n_batches));
  HEARTH_TRY(fields.number("learning_rate", 0.0, 1.0, training.schedule.peak, kNeeded));
  training.schedule.last = training.schedule.peak / 10;
  HEARTH_TRY(fields.number("last_learning_rate", 0.0, training.schedule.peak, training.schedule.last));
  training.schedule.total_steps = training.n_steps;
  HEARTH_TRY(fields.integer("warmup_steps", 0, training.n_steps - 1, training.schedule.warmup_steps));
  HEARTH_TRY(fields.number("weight_decay", 0.0, 1.0, training.adamw.weight_decay));
  HEARTH_TRY(fields.number("beta1", 0.0, 0.9999, training.adamw.beta1));
  HEARTH_TRY(fields.number("beta2", 0.0, 0.999999, training.adamw.beta2));
  HEARTH_TRY(fields.number("clip", 1e-6, 1e6, training.most_norm));
  int64_t seed = 1;
  HEARTH_TRY(fields.integer("seed", 0, int64_t{1} << 53, seed));
  training.seed = static_cast<uint64_t>(seed);
  std::string precision = "auto";
  HEARTH_TRY(fields.text("precision", precision));
  const auto parsed = parse_precision(precision);
  if (!parsed) return fields.wrong("precision", "\"auto\", \"f32\" or \"bf16\"", precision);
  training.precision = *parsed;
  HEARTH_TRY(fields.flag("recompute_activations", training.recompute));
  HEARTH_TRY(fields.integer("evaluate_every", 1, kMostSteps, training.evaluate_every));
  HEARTH_TRY(fields.integer("checkpoint_every", 1, kMostSteps, training.checkpoint_every));
  return fields.check_no_others();
}

}  // namespace

nlohmann::ordered_json Recipe::json() const {
  nlohmann::ordered_json json;
  json["name"] = name;
  json["model"] = {{"vocabulary", model.vocabulary},     {"width", model.width},
                   {"layers", model.n_layers},           {"heads", model.n_heads},
                   {"kv_heads", model.n_kv_heads},       {"ffn_width", model.ffn_width},
                   {"context", model.context_tokens},    {"rope_base", model.rope_base},
                   {"norm_epsilon", model.norm_epsilon}, {"tied_embeddings", model.tied}};
  json["data"] = texts.json();
  json["training"] = training.json();
  return json;
}

Result<Recipe> parse_recipe(std::string_view text, const fs::path& folder) {
  HEARTH_ASSIGN(const Json json, parse_json(text));
  HEARTH_ASSIGN(Fields fields, Fields::of(json, ""));
  Recipe recipe;
  HEARTH_TRY(fields.text("name", recipe.name, /*is_needed=*/true));
  HEARTH_ASSIGN(const Json* model, fields.need("model", "an object"));
  HEARTH_TRY(read_model(*model, recipe.model));
  std::string tokenizer;
  HEARTH_TRY(fields.text("tokenizer", tokenizer, /*is_needed=*/true));
  recipe.tokenizer = folder / tokenizer;
  std::string chat_template;
  HEARTH_TRY(fields.text("chat_template", chat_template));
  if (!chat_template.empty()) recipe.chat_template = folder / chat_template;
  HEARTH_ASSIGN(const Json* data, fields.need("data", "an object"));
  HEARTH_TRY(read_data(*data, folder, recipe.texts));
  HEARTH_ASSIGN(const Json* training, fields.need("training", "an object"));
  HEARTH_TRY(read_training(*training, recipe.model.context_tokens, recipe.training));
  HEARTH_TRY(fields.check_no_others());
  return recipe;
}

std::string difference(const nlohmann::ordered_json& before, const nlohmann::ordered_json& now) {
  const auto text_of = [](const nlohmann::ordered_json& flat, const std::string& path) {
    const auto found = flat.find(path);
    return found == flat.end() ? std::string("absent") : found->dump();
  };
  const nlohmann::ordered_json was = before.flatten();
  const nlohmann::ordered_json is = now.flatten();
  for (const auto* const side : {&is, &was}) {
    for (const auto& [path, value] : side->items()) {
      if (text_of(was, path) == text_of(is, path)) continue;
      std::string name = path.substr(1);
      std::replace(name.begin(), name.end(), '/', '.');
      return fmt::format("{} was {}, is {}", name, text_of(was, path), text_of(is, path));
    }
  }
  return "";
}

}  // namespace hearth::train
