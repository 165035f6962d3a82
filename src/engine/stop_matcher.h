// Watches a stream of text for the strings that end an answer.
#pragma once

#include <string>
#include <vector>

namespace hearth::engine {

// Holds back only what may yet turn out to be the beginning of a stop string. Not thread-safe.
class StopMatcher {
 public:
  // Empty strings are ignored.
  explicit StopMatcher(std::vector<std::string> stops);

  struct Output {
    std::string text;      // may be shown: certainly no part of a stop string
    bool stopped = false;  // a stop string came; it and what follows are dropped
    std::string stop;      // which one; of several that begin at the same place the longest that has come
  };
  Output push(const std::string& text);
  // What was held back, at the end of the stream.
  std::string finish();

 private:
  std::vector<std::string> stops_;
  std::string held_;
};

}  // namespace hearth::engine
