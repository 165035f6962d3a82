#include "text/tokenizer/huggingface/frame.h"

namespace hearth::text {
namespace {

constexpr int kMaxNesting = 16;
constexpr size_t kMaxTokens = 1024;

class FrameReader {
 public:
  explicit FrameReader(size_t n_tokens) : n_tokens_(n_tokens) {}

  Result<void> add(const JsonPlace& place, int depth) {
    HEARTH_ASSIGN(const JsonPlace type_place, place.at("type"));
    HEARTH_ASSIGN(const std::string_view type, type_place.string());
    if (type == "ByteLevel") return {};  // decides about offsets only
    if (type == "TemplateProcessing") return add_template(place);
    if (type == "BertProcessing" || type == "RobertaProcessing") {
      HEARTH_ASSIGN(const JsonPlace first, place.at("cls"));
      HEARTH_ASSIGN(const JsonPlace last, place.at("sep"));
      HEARTH_ASSIGN(const TokenId before, read_pair(first));
      HEARTH_ASSIGN(const TokenId behind, read_pair(last));
      return wrap({{before}, {behind}}, place);
    }
    if (type != "Sequence") return type_place.unsupported("a post-processor that Hearth knows");
    if (depth == kMaxNesting) return place.unsupported("sequences that are not nested so deep");
    HEARTH_ASSIGN(const JsonPlace list, place.at("processors"));
    HEARTH_ASSIGN(const std::vector<JsonPlace> parts, list.elements());
    for (const JsonPlace& part : parts) HEARTH_TRY(add(part, depth + 1));
    return {};
  }

  Frame frame;

 private:
  Result<TokenId> read_id(const JsonPlace& place) const {
    HEARTH_ASSIGN(const int64_t id, place.integer());
    if (id < 0 || static_cast<uint64_t>(id) >= n_tokens_) {
      return place.malformed(fmt::format("an id below {}", n_tokens_));
    }
    return static_cast<TokenId>(id);
  }

  // ["[CLS]", 101]
  Result<TokenId> read_pair(const JsonPlace& place) const {
    HEARTH_ASSIGN(const std::vector<JsonPlace> pair, place.elements());
    if (pair.size() != 2) return place.malformed("a token and its id");
    return read_id(pair[1]);
  }

  // Around what the processors before this one have added.
  Result<void> wrap(Frame outer, const JsonPlace& place) {
    frame.before.insert(frame.before.begin(), outer.before.begin(), outer.before.end());
    frame.behind.insert(frame.behind.end(), outer.behind.begin(), outer.behind.end());
    if (frame.before.size() + frame.behind.size() > kMaxTokens) return place.unsupported("fewer tokens");
    return {};
  }

  Result<void> add_template(const JsonPlace& place) {
    HEARTH_ASSIGN(const JsonPlace single, place.at("single"));
    HEARTH_ASSIGN(const std::vector<JsonPlace> pieces, single.elements());
    HEARTH_ASSIGN(const auto known, place.find("special_tokens"));
    Frame outer;
    bool seen_text = false;
    for (const JsonPlace& piece : pieces) {
      HEARTH_ASSIGN(const auto sequence, piece.find("Sequence"));
      if (sequence) {
        if (seen_text) return piece.unsupported("a template that contains the text once");
        seen_text = true;
        continue;
      }
      HEARTH_ASSIGN(const JsonPlace special, piece.at("SpecialToken"));
      HEARTH_ASSIGN(const JsonPlace name_place, special.at("id"));
      HEARTH_ASSIGN(const std::string_view name, name_place.string());
      if (!known) return place.malformed("special_tokens");
      HEARTH_ASSIGN(const JsonPlace entry, known->at(name));
      HEARTH_ASSIGN(const JsonPlace ids_place, entry.at("ids"));
      HEARTH_ASSIGN(const std::vector<JsonPlace> ids, ids_place.elements());
      for (const JsonPlace& id_place : ids) {
        HEARTH_ASSIGN(const TokenId id, read_id(id_place));
        (seen_text ? outer.behind : outer.before).push_back(id);
      }
    }
    if (!seen_text) return single.malformed("a \"Sequence\" among its parts");
    return wrap(std::move(outer), place);
  }

  size_t n_tokens_;
};

}  // namespace

Result<Frame> read_frame(const JsonPlace& place, size_t n_tokens) {
  FrameReader reader(n_tokens);
  HEARTH_TRY(reader.add(place, 0));
  return std::move(reader.frame);
}

}  // namespace hearth::text
