#include "server/openai/response_store.h"

#include <algorithm>
#include <utility>

namespace hearth::server::openai {

ResponseStore::ResponseStore() : ResponseStore(Limits{}) {}
ResponseStore::ResponseStore(Limits limits) : limits_(limits) {}

void ResponseStore::put(const std::string& owner, const std::string& id, StoredResponse response,
                        WallTime now) {
  erase(owner, id, now);
  Entry entry{.id = id, .response = std::move(response), .used_at = now};
  const size_t bytes = entry.bytes();
  if (bytes > limits_.max_bytes || limits_.max_responses == 0) return;
  Shelf& shelf = shelves_[owner];
  shelf.by_use.push_front(std::move(entry));
  shelf.by_id[id] = shelf.by_use.begin();
  shelf.bytes += bytes;
  bytes_ += bytes;
  ++size_;
  shrink();
}

const StoredResponse* ResponseStore::find(const std::string& owner, const std::string& id, WallTime now) {
  expire(now);
  const auto shelf = shelves_.find(owner);
  if (shelf == shelves_.end()) return nullptr;
  const auto found = shelf->second.by_id.find(id);
  if (found == shelf->second.by_id.end()) return nullptr;
  const auto entry = found->second;
  entry->used_at = now;
  shelf->second.by_use.splice(shelf->second.by_use.begin(), shelf->second.by_use, entry);
  return &entry->response;
}

bool ResponseStore::erase(const std::string& owner, const std::string& id, WallTime now) {
  if (find(owner, id, now) == nullptr) return false;
  const auto shelf = shelves_.find(owner);
  remove(shelf, shelf->second.by_use.begin());  // where find() has put it
  return true;
}

void ResponseStore::expire(WallTime now) {
  for (auto next = shelves_.begin(); next != shelves_.end();) {
    const auto shelf = next++;  // remove() drops a shelf with its last entry
    size_t left = shelf->second.by_use.size();
    while (left > 0 && Seconds(now - shelf->second.by_use.back().used_at) > limits_.lifetime) {
      remove(shelf, std::prev(shelf->second.by_use.end()));
      --left;
    }
  }
}

void ResponseStore::shrink() {
  while (size_ > limits_.max_responses || bytes_ > limits_.max_bytes) {
    const bool too_many = size_ > limits_.max_responses;
    const auto most = std::max_element(shelves_.begin(), shelves_.end(), [&](const auto& a, const auto& b) {
      return too_many ? a.second.by_id.size() < b.second.by_id.size() : a.second.bytes < b.second.bytes;
    });
    remove(most, std::prev(most->second.by_use.end()));
  }
}

void ResponseStore::remove(Shelves::iterator shelf, std::list<Entry>::iterator entry) {
  const size_t bytes = entry->bytes();
  bytes_ -= bytes;
  --size_;
  shelf->second.bytes -= bytes;
  shelf->second.by_id.erase(entry->id);
  shelf->second.by_use.erase(entry);
  if (shelf->second.by_use.empty()) shelves_.erase(shelf);
}

}  // namespace hearth::server::openai
