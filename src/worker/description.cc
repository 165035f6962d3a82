#include "worker/description.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "base/utf8.h"
#include "text/chat/template_switches.h"
#include "worker/tool_calls.h"

namespace hearth::worker {
namespace {

using Json = nlohmann::ordered_json;

std::string text_of(const models::Checkpoint& checkpoint, std::string_view key) {
  const gguf::Value* value = checkpoint.find(key);
  const auto text = value == nullptr ? std::nullopt : value->as_string();
  return text ? sanitize_utf8(*text) : std::string();
}

// general.file_type's values; empty where it is none of them.
std::string_view file_type_name(uint64_t type) {
  static const std::map<uint64_t, std::string_view> kNames = {
      {0, "F32"},     {1, "F16"},     {2, "Q4_0"},     {3, "Q4_1"},    {7, "Q8_0"},     {8, "Q5_0"},
      {9, "Q5_1"},    {10, "Q2_K"},   {11, "Q3_K_S"},  {12, "Q3_K_M"}, {13, "Q3_K_L"},  {14, "Q4_K_S"},
      {15, "Q4_K_M"}, {16, "Q5_K_S"}, {17, "Q5_K_M"},  {18, "Q6_K"},   {19, "IQ2_XXS"}, {20, "IQ2_XS"},
      {21, "Q2_K_S"}, {22, "IQ3_XS"}, {23, "IQ3_XXS"}, {24, "IQ1_S"},  {25, "IQ4_NL"},  {26, "IQ3_S"},
      {27, "IQ3_M"},  {28, "IQ2_S"},  {29, "IQ2_M"},   {30, "IQ4_XS"}, {31, "IQ1_M"},   {32, "BF16"},
      {36, "TQ1_0"},  {37, "TQ2_0"},  {38, "MXFP4"}};
  const auto found = kNames.find(type);
  return found == kNames.end() ? std::string_view() : found->second;
}

// What the file calls itself, else the type of most of its bytes.
std::string quantisation_of(const models::Checkpoint& checkpoint) {
  const gguf::Value* type = checkpoint.find("general.file_type");
  if (const auto number = type == nullptr ? std::nullopt : type->as_u64()) {
    if (const std::string_view name = file_type_name(*number); !name.empty()) return std::string(name);
  }
  std::map<std::string_view, uint64_t> bytes_by_type;
  for (const gguf::TensorInfo& tensor : checkpoint.tensors())
    bytes_by_type[tensor::dtype_name(tensor.dtype)] += tensor.size_bytes;
  const auto most = std::max_element(bytes_by_type.begin(), bytes_by_type.end(),
                                     [](const auto& a, const auto& b) { return a.second < b.second; });
  return most == bytes_by_type.end() ? std::string() : std::string(most->first);
}

void describe_generator(const OpenedModel& model, protocol::Opened& opened) {
  const engine::LoadedModel& generator = *model.generator();
  const models::ModelInfo& info = generator.info();
  opened.set_architecture(info.architecture);
  opened.set_n_parameters(static_cast<int64_t>(info.n_parameters));
  opened.set_trained_context_tokens(generator.trained_context_tokens());
  opened.set_embedding_length(info.width);
  opened.set_vocabulary_size(info.vocabulary_size);
  opened.set_context_tokens(generator.context_tokens());
  const auto pooling = models::declared_pooling(generator.checkpoint());
  opened.set_has_pooling(pooling && pooling->has_value());
  const engine::MemoryDemand demand = generator.memory_demand();
  opened.mutable_memory()->set_weights_bytes(static_cast<int64_t>(demand.weight_bytes));
  opened.mutable_memory()->set_kv_bytes(static_cast<int64_t>(demand.kv_bytes));
  opened.mutable_memory()->set_work_bytes(static_cast<int64_t>(demand.work_bytes));
}

void describe_encoder(const engine::LoadedEncoder& encoder, protocol::Opened& opened) {
  const models::EncoderInfo& info = encoder.info();
  opened.set_is_encoder(true);
  opened.set_has_pooling(true);
  opened.set_architecture(info.architecture);
  opened.set_n_parameters(static_cast<int64_t>(info.n_parameters));
  opened.set_trained_context_tokens(info.context_tokens);
  opened.set_embedding_length(info.width);
  opened.set_vocabulary_size(info.vocabulary_size);
  opened.set_context_tokens(info.context_tokens);
  opened.mutable_memory()->set_weights_bytes(static_cast<int64_t>(info.weight_bytes));
  opened.mutable_memory()->set_work_bytes(static_cast<int64_t>(encoder.workspace_bytes()));
}

constexpr uint64_t kLongArray = 64;

Json json_of(const gguf::Value& value, bool verbose) {
  if (!value.is_array()) {
    if (const auto text = value.as_string()) return sanitize_utf8(*text);
    if (const auto flag = value.as_bool()) return *flag;
    if (const auto whole = value.as_i64()) return *whole;
    if (const auto whole = value.as_u64()) return *whole;
    if (const auto real = value.as_f64()) return *real;
    return nullptr;
  }
  if (value.count() > kLongArray && !verbose) return nullptr;
  Json list = Json::array();
  if (const auto texts = value.as_strings()) {
    for (const std::string_view text : *texts) list.push_back(sanitize_utf8(text));
  } else if (const auto whole = value.as_integers()) {
    list = *whole;
  } else if (const auto reals = value.as_floats()) {
    list = *reals;
  }
  return list;
}

}  // namespace

protocol::Opened describe(const OpenedModel& model) {
  const models::Checkpoint& checkpoint = model.checkpoint();
  protocol::Opened opened;
  opened.set_format(checkpoint.files().format.starts_with("GGUF") ? "gguf" : "safetensors");
  opened.set_name(text_of(checkpoint, "general.name"));
  opened.set_license(text_of(checkpoint, "general.license"));
  opened.set_quantisation(quantisation_of(checkpoint));
  if (model.encoder() != nullptr) {
    describe_encoder(*model.encoder(), opened);
    return opened;
  }
  describe_generator(model, opened);
  const std::string source = sanitize_utf8(model.chat_template_source());
  opened.set_chat_template(source);
  opened.set_chat_format(model.chat_format_name());
  if (const auto format = model.chat_format(/*with_tools=*/false); !format && !source.empty())
    opened.set_chat_template_problem(sanitize_utf8(format.error().message()));
  if (const auto for_tools = model.chat_format(/*with_tools=*/true); for_tools)
    opened.set_has_template_tools(takes_tools((*for_tools)->source()));
  opened.set_has_template_thinking(text::template_knows_thinking(source));
  return opened;
}

protocol::Inspection inspect(const models::Checkpoint& checkpoint, bool verbose) {
  protocol::Inspection inspection;
  Json metadata = Json::object();
  for (const gguf::MetadataEntry& entry : checkpoint.metadata())
    metadata[sanitize_utf8(entry.key)] = json_of(entry.value, verbose);
  inspection.set_metadata_json(metadata.dump(-1, ' ', false, Json::error_handler_t::replace));
  for (const gguf::TensorInfo& tensor : checkpoint.tensors()) {
    protocol::Inspection::Tensor& described = *inspection.add_tensors();
    described.set_name(sanitize_utf8(tensor.name));
    described.set_type(std::string(tensor::dtype_name(tensor.dtype)));
    for (size_t i = 0; i < tensor.shape.rank(); ++i) described.add_shape(tensor.shape[i]);
  }
  return inspection;
}

}  // namespace hearth::worker
