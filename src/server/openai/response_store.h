// What POST /v1/responses keeps of answers, so that a conversation can go on from one of them.
#pragma once

#include <chrono>
#include <cstddef>
#include <list>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>

#include "server/models/model_service.h"

namespace hearth::server::openai {

// JSON as text: of known size, and a fraction of what the parsed values take.
struct StoredResponse {
  std::string response;     // the object as it was answered
  std::string input_items;  // all that it answered, with that of the responses before it
};

// In memory only, and within limits: beyond them, whoever holds most loses what he has not used for longest.
// Each identity sees its own responses and no others. Not thread-safe.
class ResponseStore {
 public:
  struct Limits {
    size_t max_responses = 10'000;
    size_t max_bytes = size_t{256} << 20U;
    Seconds lifetime = std::chrono::hours(24);  // since it was last used
  };

  ResponseStore();
  explicit ResponseStore(Limits limits);

  // Takes the place of one with the same id. What is larger than all there is room for is not kept.
  void put(const std::string& owner, const std::string& id, StoredResponse response, WallTime now);
  // Null: there is none, it is another's, or it has expired. Valid until the next call.
  const StoredResponse* find(const std::string& owner, const std::string& id, WallTime now);
  // False where find() gives nothing.
  bool erase(const std::string& owner, const std::string& id, WallTime now);

  size_t size() const noexcept { return size_; }
  size_t bytes() const noexcept { return bytes_; }

 private:
  struct Entry {
    std::string id;
    StoredResponse response;
    WallTime used_at;

    size_t bytes() const { return id.size() + response.response.size() + response.input_items.size(); }
  };
  struct Shelf {
    std::list<Entry> by_use;  // the latest first
    std::unordered_map<std::string, std::list<Entry>::iterator> by_id;
    size_t bytes = 0;
  };
  using Shelves = std::map<std::string, Shelf>;

  void expire(WallTime now);
  void shrink();
  void remove(Shelves::iterator shelf, std::list<Entry>::iterator entry);

  Limits limits_;
  Shelves shelves_;  // by owner; none is empty
  size_t size_ = 0;
  size_t bytes_ = 0;
};

}  // namespace hearth::server::openai
