// Text from a file, made fit for a message or a terminal.
#pragma once

#include <string>
#include <string_view>

namespace hearth {

// Builds a text of at most `max_length` characters out of pieces that are never cut; ends with "..." where
// pieces were left out.
class Excerpt {
 public:
  explicit Excerpt(size_t max_length) : max_length_(max_length) {}

  void add(std::string_view piece, size_t n_characters);
  bool is_cut() const noexcept { return is_cut_; }
  std::string finish() &&;

 private:
  size_t max_length_;
  std::string text_;
  size_t length_ = 0;
  size_t keep_bytes_ = 0;  // the longest run of pieces that leaves room for "..."
  bool is_cut_ = false;
};

// `text` with everything escaped that a terminal would obey or hide: control characters, marks that turn the
// direction of writing, and bytes that are no UTF-8.
std::string excerpt(std::string_view text, size_t max_length = 80);
// The same between quotation marks, those within escaped.
std::string quoted_excerpt(std::string_view text, size_t max_length = 80);

}  // namespace hearth
