#include "server/wire/json_text.h"

#include <algorithm>
#include <numeric>
#include <vector>

#include "base/excerpt.h"

namespace hearth::server::wire {
namespace {

// Drops all but the last value of a key, at the place of its first; in n log n, while ordered_json by itself
// would compare each key with all before it.
void merge_duplicates(Json::object_t& object) {
  Json::object_t::Container& members = object;  // ordered_map finds by key; this is by place
  std::vector<size_t> order(members.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return members[a].first < members[b].first; });
  std::vector<bool> dropped(members.size());
  bool any = false;
  for (size_t i = 0; i < order.size();) {
    size_t last = i;
    while (last + 1 < order.size() && members[order[last + 1]].first == members[order[i]].first) ++last;
    if (last > i) members[order[i]].second = std::move(members[order[last]].second);
    for (size_t j = i + 1; j <= last; ++j) dropped[order[j]] = any = true;
    i = last + 1;
  }
  if (!any) return;
  Json::object_t::Container kept;
  for (size_t i = 0; i < members.size(); ++i) {
    if (!dropped[i]) kept.push_back(std::move(members[i]));
  }
  members.swap(kept);
}

// Builds the value as the parser reports its parts, so that what is too large is refused while it is read.
class Builder : public nlohmann::json_sax<Json> {
 public:
  Builder(std::string_view text, const JsonLimits& limits) : text_(text), limits_(limits) {}

  bool null() override { return add(nullptr); }
  bool boolean(bool value) override { return add(value); }
  bool number_integer(number_integer_t value) override { return add(value); }
  bool number_unsigned(number_unsigned_t value) override { return add(value); }
  bool number_float(number_float_t value, const string_t& /*digits*/) override { return add(value); }
  bool string(string_t& value) override { return add(std::move(value)); }
  bool binary(binary_t& /*value*/) override { return false; }
  bool start_object(size_t /*size*/) override { return open(Json::object()); }
  bool start_array(size_t /*size*/) override { return open(Json::array()); }
  bool key(string_t& value) override {
    // Json's parent knows no key twice; merge_duplicates() restores that.
    open_.back()->get_ref<Json::object_t&>().emplace_back(std::move(value), nullptr);
    return true;
  }
  bool end_object() override {
    merge_duplicates(open_.back()->get_ref<Json::object_t&>());
    open_.pop_back();
    return true;
  }
  bool end_array() override {
    open_.pop_back();
    return true;
  }
  bool parse_error(size_t position, const std::string& /*token*/,
                   const nlohmann::detail::exception& error) override {
    constexpr int kNumberOverflow = 406;
    if (error.id == kNumberOverflow) {
      fail("a number is too large", position);
    } else if (position > text_.size()) {
      problem_ = "the request body is not valid JSON: it ends too early";
    } else {
      fail("the text is broken, or no UTF-8,", position);
    }
    return false;
  }

  ApiResult<Json> result(bool parsed) {
    if (!parsed) return ApiError(400, problem_.empty() ? "the request body is not valid JSON" : problem_);
    return std::move(root_);
  }

 private:
  void fail(std::string_view what, size_t position) {
    const auto before = text_.substr(0, std::min(position, text_.size()));
    const auto line = std::count(before.begin(), before.end(), '\n') + 1;
    problem_ =
        fmt::format("the request body is not valid JSON: {} at byte {} (line {})", what, position, line);
  }

  bool open(Json container) {
    if (open_.size() >= limits_.depth) {
      problem_ = fmt::format("the request body is nested more than {} deep", limits_.depth);
      return false;
    }
    Json* place = add_at(std::move(container));
    if (place == nullptr) return false;
    open_.push_back(place);
    return true;
  }

  bool add(Json value) { return add_at(std::move(value)) != nullptr; }

  // A container that is open is the last element of its own, which therefore does not move while it grows.
  Json* add_at(Json value) {
    if (++n_values_ > limits_.values) {
      problem_ = fmt::format("the request body has more than {} values", limits_.values);
      return nullptr;
    }
    if (open_.empty()) return &(root_ = std::move(value));
    Json& parent = *open_.back();
    if (parent.is_array()) {
      auto& items = parent.get_ref<Json::array_t&>();
      return &items.emplace_back(std::move(value));
    }
    return &(parent.get_ref<Json::object_t&>().back().second = std::move(value));
  }

  std::string_view text_;
  JsonLimits limits_;
  std::vector<Json*> open_;
  Json root_;
  size_t n_values_ = 0;
  std::string problem_;
};

}  // namespace

ApiResult<Json> parse_json(std::string_view text, const JsonLimits& limits) {
  Builder builder(text, limits);
  const bool parsed = Json::sax_parse(text.begin(), text.end(), &builder);
  return builder.result(parsed);
}

std::string describe(const Json& value) {
  constexpr size_t kLongest = 60;
  if (value.is_string()) return quoted_excerpt(value.get_ref<const std::string&>(), kLongest);
  if (value.is_array()) return "a list";
  if (value.is_object()) return "an object";
  return value.dump();
}

std::string dump_json(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace hearth::server::wire
