// Calls that are one JSON object each, with the name and the arguments in it.
#include <utility>

#include "text/tools/call_reader.h"

namespace hearth::text {
namespace {

class ObjectReader final : public CallReader {
 public:
  ObjectReader(const CallSyntax& syntax, const ToolTypes& types) : syntax_(syntax), types_(types) {}

  Progress read(Cursor& in, CallSink& out) override {
    for (;;) {
      const Progress progress = step(in, out);
      if (progress != Progress::kMore || waits_) return progress;
    }
  }

 private:
  enum class Expected { kOpen, kKeyOrEnd, kKey, kColon, kName, kArguments, kOther, kCommaOrEnd };

  // One token. kMore, and waits_, where it has not come yet.
  Progress step(Cursor& in, CallSink& out) {
    waits_ = false;
    if (expected_ != Expected::kOther && !in_token_ && !in.skip_space()) return wait();
    switch (expected_) {
      case Expected::kOpen:
        return punctuation(in, '{', Expected::kKeyOrEnd);
      case Expected::kKeyOrEnd:
      case Expected::kKey:
        return key(in);
      case Expected::kColon:
        return punctuation(in, ':', role_);
      case Expected::kName:
        return name(in);
      case Expected::kArguments:
        return arguments(in, out);
      case Expected::kOther:
        return other(in);
      case Expected::kCommaOrEnd:
        return comma_or_end(in, out);
    }
    return Progress::kBroken;
  }

  Progress wait() {
    waits_ = true;
    return Progress::kMore;
  }

  Progress punctuation(Cursor& in, char c, Expected next) {
    if (in.rest().empty() || in.rest().front() != c) return Progress::kBroken;
    in.advance(1);
    expected_ = next;
    return Progress::kMore;
  }

  // The string that stands here; nothing, with the progress, where it is not whole.
  std::optional<std::string> string(Cursor& in, Progress& progress) {
    progress = Progress::kBroken;
    if (!in_token_ && (in.rest().empty() || in.rest().front() != '"')) return std::nullopt;
    if (!std::exchange(in_token_, true)) {
      scanner_ = JsonScanner();
      token_.clear();
    }
    in.advance(scanner_.read(in.rest(), token_));
    if (scanner_.status() == JsonScanner::Status::kMore) progress = wait();
    if (scanner_.status() != JsonScanner::Status::kWhole) return std::nullopt;
    in_token_ = false;
    progress = Progress::kMore;
    auto value = json_string_value(token_);
    if (!value) progress = Progress::kBroken;
    return value;
  }

  Progress key(Cursor& in) {
    if (!in_token_ && expected_ == Expected::kKeyOrEnd && in.rest().starts_with('}'))
      return Progress::kBroken;
    Progress progress{};
    const auto found = string(in, progress);
    if (!found) return progress;
    const ObjectCarrier& object = syntax_.object;
    role_ = Expected::kOther;
    if (object.name_key.empty()) {
      if (has_name_) return Progress::kBroken;
      if (!take_name(*found)) return Progress::kBroken;
      role_ = Expected::kArguments;
    } else if (*found == object.name_key && !has_name_) {
      role_ = Expected::kName;
    } else if (*found == object.arguments_key && !has_arguments_) {
      role_ = Expected::kArguments;
    } else if (syntax_.bare) {
      return Progress::kBroken;  // some other object
    }
    expected_ = Expected::kColon;
    return progress;
  }

  bool take_name(const std::string& name) {
    if (name.empty() || (syntax_.bare && !types_.knows(name))) return false;
    name_ = name;
    has_name_ = true;
    return true;
  }

  Progress name(Cursor& in) {
    Progress progress{};
    const auto found = string(in, progress);
    if (!found) return progress;
    if (!take_name(*found)) return Progress::kBroken;
    expected_ = Expected::kCommaOrEnd;
    return progress;
  }

  // Arguments before the name wait for it.
  Progress arguments(Cursor& in, CallSink& out) {
    in_token_ = true;
    const Progress progress = arguments_.read(in, held_);
    if (has_name_ && !held_.empty()) pass_on(out);
    if (progress == Progress::kMore) return wait();
    if (progress == Progress::kBroken) return progress;
    in_token_ = false;
    has_arguments_ = true;
    expected_ = Expected::kCommaOrEnd;
    return Progress::kMore;
  }

  void pass_on(CallSink& out) {
    if (!out.begun()) out.begin(name_);
    out.arguments(held_);
    held_.clear();
  }

  Progress other(Cursor& in) {
    if (!std::exchange(in_token_, true)) {
      scanner_ = JsonScanner();
      token_.clear();
    }
    in.advance(scanner_.read(in.rest(), token_));
    token_.clear();
    if (scanner_.status() == JsonScanner::Status::kMore) return wait();
    if (scanner_.status() == JsonScanner::Status::kMalformed) return Progress::kBroken;
    in_token_ = false;
    expected_ = Expected::kCommaOrEnd;
    return Progress::kMore;
  }

  Progress comma_or_end(Cursor& in, CallSink& out) {
    if (has_name_ && has_arguments_ && !ended_) {
      if (!held_.empty()) pass_on(out);
      out.end();
      ended_ = true;
    }
    if (in.rest().starts_with(',')) {
      in.advance(1);
      expected_ = Expected::kKey;
      return Progress::kMore;
    }
    if (!in.rest().starts_with('}') || !has_name_) return Progress::kBroken;
    if (!has_arguments_) {
      if (syntax_.bare) return Progress::kBroken;
      held_ = "{}";
      pass_on(out);
      out.end();
    }
    in.advance(1);
    return Progress::kDone;
  }

  const CallSyntax& syntax_;
  const ToolTypes& types_;
  Expected expected_ = Expected::kOpen;
  Expected role_ = Expected::kOther;  // of the value behind the key
  bool waits_ = false;
  bool in_token_ = false;
  bool has_name_ = false;
  bool has_arguments_ = false;
  bool ended_ = false;
  JsonScanner scanner_;
  std::string token_;
  std::string name_;
  ArgumentsReader arguments_;
  std::string held_;
};

}  // namespace

std::unique_ptr<CallReader> make_object_reader(const CallSyntax& syntax, const ToolTypes& types) {
  return std::make_unique<ObjectReader>(syntax, types);
}

}  // namespace hearth::text
