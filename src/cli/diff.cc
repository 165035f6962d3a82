// hearth diff: what differs between two models of the store, or two versions of one.
#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "base/json_text.h"
#include "cli/interrupt.h"
#include "cli/line_diff.h"
#include "cli/models_folder.h"
#include "cli/output.h"
#include "cli/store_commands.h"
#include "cli/stored_models.h"
#include "cli/units.h"
#include "formats/gguf/gguf.h"
#include "store/layer_kinds.h"

namespace hearth::cli {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr size_t kMaxTextBytes = size_t{16} << 20U;  // of a layer that is a text
constexpr int kExitDifferent = 1;
constexpr int kExitTrouble = 2;

struct DiffOptions {
  std::string a;
  std::string b;
  std::string folder;
  bool content = false;
  bool json = false;
};

struct Difference {
  std::string section;             // "layers", "config", "metadata", "tensors", "parameters", "system", ...
  std::string name;                // in the section; empty of a text
  std::string before;              // empty: added
  std::string after;               // empty: removed
  std::vector<std::string> lines;  // of a text: "-old", "+new"

  std::string_view change() const {
    if (!lines.empty()) return "changed";
    if (before.empty()) return "added";
    return after.empty() ? "removed" : "changed";
  }
};

// What two maps from names to values have in common, and what not.
class Differences {
 public:
  void compare(const std::string& section, const std::map<std::string, std::string>& before,
               const std::map<std::string, std::string>& after) {
    std::set<std::string> names;
    for (const auto& [name, value] : before) names.insert(name);
    for (const auto& [name, value] : after) names.insert(name);
    const auto value_in = [](const std::map<std::string, std::string>& values, const std::string& name) {
      const auto at = values.find(name);
      return at == values.end() ? std::string() : at->second;
    };
    for (const std::string& name : names) {
      const std::string was = value_in(before, name);
      const std::string is = value_in(after, name);
      if (was != is) add({section, name, was, is, {}});
    }
  }
  void compare_texts(const std::string& section, std::string_view before, std::string_view after) {
    std::vector<std::string> lines = line_diff(before, after);
    if (!lines.empty()) add({section, "", "", "", std::move(lines)});
  }
  void add(Difference difference) { all_.push_back(std::move(difference)); }
  const std::vector<Difference>& all() const { return all_; }

 private:
  std::vector<Difference> all_;
};

std::string shortened(std::string text) {
  constexpr size_t kLongest = 60;
  if (text.size() <= kLongest) return text;
  // Between characters.
  size_t end = kLongest;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  return text.substr(0, end) + "...";
}

std::string text_of(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

// The members of an object; none where the text is no object.
std::map<std::string, std::string> members_of(const std::string& text, const std::set<std::string>& without) {
  std::map<std::string, std::string> members;
  const auto object = parse_json(text);
  if (!object || !object->is_object()) return members;
  for (const auto& [name, value] : object->items()) {
    if (!without.contains(name)) members[name] = shortened(text_of(value));
  }
  return members;
}

// A turn of a conversation to a paragraph.
std::string conversation_of(const std::string& text) {
  const auto messages = parse_json(text);
  if (!messages || !messages->is_array()) return text;
  std::string conversation;
  for (const json& message : *messages) {
    const auto member = [&](const char* key) {
      const auto at = message.is_object() ? message.find(key) : message.end();
      return message.is_object() && at != message.end() && at->is_string() ? at->get<std::string>()
                                                                           : std::string();
    };
    conversation += fmt::format("{}: {}\n", member("role"), member("content"));
  }
  return conversation;
}

// One side: a manifest, and its texts.
struct Side {
  const store::Store& store;
  store::StoredManifest model;

  // Of all layers of the kind, one after the other; "" where there is none.
  Result<std::string> text(std::string_view kind) const {
    std::string all;
    for (const store::Layer& layer : model.manifest.layers) {
      if (store::layer_kind(layer.media_type) != kind) continue;
      auto bytes = store.read_blob(layer.digest, kMaxTextBytes);
      if (!bytes) return bytes.error().in(model.name.text());
      all += *bytes;
      if (!all.ends_with('\n')) all += '\n';
    }
    return all;
  }
  Result<std::string> config() const {
    auto bytes = store.read_blob(model.manifest.config.digest, kMaxTextBytes);
    if (!bytes) return bytes.error().in(model.name.text());
    return bytes;
  }
  std::map<std::string, std::string> layers() const {
    std::map<std::string, std::string> layers;
    for (const store::Layer& layer : model.manifest.layers) {
      std::string& text = layers[store::layer_kind(layer.media_type)];
      constexpr size_t kShown = 19;  // sha256: and twelve digits
      text += fmt::format("{}{} ({})", text.empty() ? "" : ", ", layer.digest.text().substr(0, kShown),
                          format_bytes(layer.size_bytes));
    }
    return layers;
  }
  std::vector<store::Layer> weights() const {
    std::vector<store::Layer> weights;
    for (const store::Layer& layer : model.manifest.layers) {
      if (layer.media_type == store::media_type::kModel) weights.push_back(layer);
    }
    return weights;
  }
};

bool same_value(const gguf::Value& a, const gguf::Value& b) {
  if (a.type() != b.type()) return false;
  if (!a.is_array()) {
    if (a.as_string()) return a.as_string() == b.as_string();
    constexpr size_t kWhole = 400;  // of a number or a flag
    return a.to_string(kWhole) == b.to_string(kWhole);
  }
  if (a.element_type() != b.element_type() || a.count() != b.count()) return false;
  if (a.element_type() == gguf::ValueType::kString) return a.as_strings() == b.as_strings();
  if (const auto integers = a.as_integers()) return integers == b.as_integers();
  const auto floats = a.as_floats();
  const auto others = b.as_floats();
  // By their bits: NaN is what it is.
  return floats && others && floats->size() == others->size() &&
         std::memcmp(floats->data(), others->data(), floats->size() * sizeof(float)) == 0;
}

void compare_metadata(const gguf::File& a, const gguf::File& b, Differences& differences) {
  const auto shown = [](const gguf::Value& value) {
    return fmt::format(
        "{} ({})", value.to_string(60),
        value.is_array() ? fmt::format("{} of {}", value.count(), gguf::value_type_name(value.element_type()))
                         : std::string(gguf::value_type_name(value.type())));
  };
  std::map<std::string, std::string> before;
  std::map<std::string, std::string> after;
  for (const gguf::MetadataEntry& entry : a.metadata()) {
    const gguf::Value* other = b.find(entry.key);
    if (other != nullptr && same_value(entry.value, *other)) continue;
    before[std::string(entry.key)] = shown(entry.value);
    if (other == nullptr) continue;
    std::string text = shown(*other);
    // They differ behind what is shown.
    if (text == before[std::string(entry.key)]) text += ", another one";
    after[std::string(entry.key)] = std::move(text);
  }
  for (const gguf::MetadataEntry& entry : b.metadata()) {
    if (a.find(entry.key) == nullptr) after[std::string(entry.key)] = shown(entry.value);
  }
  differences.compare("metadata", before, after);
}

std::string content_digest(const gguf::TensorInfo& tensor) {
  store::Hasher hasher;
  hasher.update(tensor.data);
  constexpr size_t kShown = 19;
  return hasher.finish().text().substr(0, kShown);
}

Result<void> compare_tensors(const gguf::File& a, const gguf::File& b, bool content, const Console& console,
                             Differences& differences) {
  const auto shown = [](const gguf::TensorInfo& tensor) {
    return fmt::format("{} {}", tensor::dtype_name(tensor.dtype), tensor.shape.to_string());
  };
  std::map<std::string, std::string> before;
  std::map<std::string, std::string> after;
  ProgressLine line(console);
  size_t n_done = 0;
  for (const gguf::TensorInfo& tensor : a.tensors()) {
    std::string& was = before[std::string(tensor.name)] = shown(tensor);
    const gguf::TensorInfo* other = b.find_tensor(tensor.name);
    if (other == nullptr) continue;
    std::string& is = after[std::string(tensor.name)] = shown(*other);
    if (!content || was != is) continue;
    if (interrupted()) return Error(ErrorCode::kCancelled, "interrupted");
    line.show(fmt::format("comparing tensor {} of {}", ++n_done, a.tensors().size()));
    const bool same = tensor.data.size() == other->data.size() &&
                      std::memcmp(tensor.data.data(), other->data.data(), tensor.data.size()) == 0;
    if (same) continue;
    was += " " + content_digest(tensor);
    is += " " + content_digest(*other);
  }
  for (const gguf::TensorInfo& tensor : b.tensors()) {
    if (a.find_tensor(tensor.name) == nullptr) after[std::string(tensor.name)] = shown(tensor);
  }
  differences.compare("tensors", before, after);
  return {};
}

// Blobs are held, so that none is collected while it is read.
Result<void> compare_weights(const Side& a, const Side& b, bool content, const Console& console,
                             Differences& differences) {
  const std::vector<store::Layer> before = a.weights();
  const std::vector<store::Layer> after = b.weights();
  for (size_t i = 0; i < std::min(before.size(), after.size()); ++i) {
    if (before[i].digest == after[i].digest) continue;
    HEARTH_ASSIGN(const UniqueDescriptor held_a, a.store.open_blob(before[i].digest));
    HEARTH_ASSIGN(const UniqueDescriptor held_b, b.store.open_blob(after[i].digest));
    HEARTH_ASSIGN(const gguf::File file_a, gguf::File::open(a.store.blob_path(before[i].digest)));
    HEARTH_ASSIGN(const gguf::File file_b, gguf::File::open(b.store.blob_path(after[i].digest)));
    compare_metadata(file_a, file_b, differences);
    HEARTH_TRY(compare_tensors(file_a, file_b, content, console, differences));
  }
  return {};
}

Result<Differences> compare(const Side& a, const Side& b, const DiffOptions& options,
                            const Console& console) {
  Differences differences;
  if (a.model.digest == b.model.digest) return differences;
  differences.compare("layers", a.layers(), b.layers());
  HEARTH_ASSIGN(const std::string config_a, a.config());
  HEARTH_ASSIGN(const std::string config_b, b.config());
  // Which layers there are was said already.
  differences.compare("config", members_of(config_a, {"rootfs"}), members_of(config_b, {"rootfs"}));
  HEARTH_ASSIGN(const std::string parameters_a, a.text("parameters"));
  HEARTH_ASSIGN(const std::string parameters_b, b.text("parameters"));
  differences.compare("parameters", members_of(parameters_a, {}), members_of(parameters_b, {}));
  for (const char* kind : {"system", "template", "license"}) {
    HEARTH_ASSIGN(const std::string text_a, a.text(kind));
    HEARTH_ASSIGN(const std::string text_b, b.text(kind));
    differences.compare_texts(kind, text_a, text_b);
  }
  HEARTH_ASSIGN(const std::string messages_a, a.text("messages"));
  HEARTH_ASSIGN(const std::string messages_b, b.text("messages"));
  differences.compare_texts("messages", conversation_of(messages_a), conversation_of(messages_b));
  HEARTH_TRY(compare_weights(a, b, options.content, console, differences));
  if (differences.all().empty())
    differences.add({"manifest", "bytes", a.model.digest.text(), b.model.digest.text(), {}});
  return differences;
}

std::string table_of(const std::vector<Difference>& differences) {
  std::string out;
  std::string section;
  for (const Difference& difference : differences) {
    if (difference.section != section) out += difference.section + "\n";
    section = difference.section;
    for (const std::string& line : difference.lines) out += "  " + escape_line(line) + "\n";
    if (!difference.lines.empty()) continue;
    const std::string name = escape_line(difference.name);
    if (difference.before.empty()) {
      out += fmt::format("  + {}: {}\n", name, escape_line(difference.after));
    } else if (difference.after.empty()) {
      out += fmt::format("  - {}: {}\n", name, escape_line(difference.before));
    } else {
      out += fmt::format("    {}: {} -> {}\n", name, escape_line(difference.before),
                         escape_line(difference.after));
    }
  }
  return out;
}

ordered_json json_of(const Side& a, const Side& b, const DiffOptions& options,
                     const std::vector<Difference>& differences) {
  ordered_json list = ordered_json::array();
  for (const Difference& difference : differences) {
    ordered_json one{{"section", difference.section}, {"change", difference.change()}};
    if (!difference.lines.empty()) {
      one["lines"] = difference.lines;
    } else {
      one["name"] = difference.name;
      if (!difference.before.empty()) one["before"] = difference.before;
      if (!difference.after.empty()) one["after"] = difference.after;
    }
    list.push_back(std::move(one));
  }
  return {{"a", {{"model", options.a}, {"digest", a.model.digest.text()}}},
          {"b", {{"model", options.b}, {"digest", b.model.digest.text()}}},
          {"same", differences.empty()},
          {"content_compared", options.content},
          {"differences", std::move(list)}};
}

Result<bool> diff(const DiffOptions& options, const Context& context) {
  HEARTH_ASSIGN(const store::Store store, open_store(options.folder));
  HEARTH_ASSIGN(store::StoredManifest model_a, stored_model(store, options.a));
  HEARTH_ASSIGN(store::StoredManifest model_b, stored_model(store, options.b));
  const Side a{store, std::move(model_a)};
  const Side b{store, std::move(model_b)};
  HEARTH_ASSIGN(const Differences differences, compare(a, b, options, context.console));
  const std::vector<Difference>& all = differences.all();
  if (options.json) {
    HEARTH_TRY(write_json(json_of(a, b, options, all)));
    return all.empty();
  }
  HEARTH_TRY(write_output(table_of(all)));
  const bool weights_differ = std::ranges::any_of(all, [](const Difference& difference) {
    return difference.section == "layers" && difference.name == "weights";
  });
  if (weights_differ && !options.content)
    context.console.note("The contents of tensors were not compared: --content does that.");
  return all.empty();
}

constexpr const char* kDiffExamples =
    R"(Compared are layers, config, parameters, the texts of system, template, license and messages line by line, and of the
weights the metadata and the tensors' types and shapes; with --content their contents too, which reads both files.

Exit code: 0 the same, 1 different, 2 trouble, as diff's.

Examples:
  hearth diff qwen3 my-qwen3
  hearth diff qwen3@1 qwen3
  hearth diff qwen3@1 qwen3@2 --content --json)";

}  // namespace

void add_diff_command(CLI::App& parser, Action& action, int& exit_code) {
  auto options = std::make_shared<DiffOptions>();
  CLI::App* command = parser.add_subcommand("diff", "Show what differs between two models of the store");
  command->add_option("MODEL", options->a, "a name, or NAME@VERSION")->required()->type_name("");
  command->add_option("OTHER", options->b, "what it is compared with")->required()->type_name("");
  command->add_flag("--content", options->content, "compare the contents of tensors, too");
  command->add_option("--models", options->folder, "the folder that the models are in")->type_name("FOLDER");
  command->add_flag("--json", options->json, "print one JSON object");
  command->footer(fmt::format("{}\n\n{}", kDiffExamples, kModelsFolderHelp));
  command->callback([options, &action, &exit_code] {
    action = [options, &exit_code](const Context& context) -> Result<void> {
      const Result<bool> same = diff(*options, context);
      if (!same && same.error().code() == ErrorCode::kCancelled) return same.error();
      if (!same) context.console.error(same.error().message());
      exit_code = same ? (*same ? 0 : kExitDifferent) : kExitTrouble;
      return {};
    };
  });
}

}  // namespace hearth::cli
