// A registry on loopback for tests: honest, until it is told to be something else.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "store/model_config.h"
#include "store/store.h"

namespace hearth::store::registry {

struct TinyRequest {
  std::string method;
  std::string target;                          // path and query
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;

  std::string header(const std::string& name) const {
    const auto found = headers.find(name);
    return found == headers.end() ? "" : found->second;
  }
};

struct TinyReply {
  int status = 200;
  std::vector<std::pair<std::string, std::string>> headers = {};
  std::string body = {};
  std::optional<std::string> length = {};  // in place of the true Content-Length; "": none is said
  size_t cut_after = std::string::npos;    // so many bytes of the body, and then ...
  bool then_stalls = false;                // ... silence, in place of the connection's end
  bool is_endless = false;                 // the body again and again
  std::chrono::microseconds pause{0};      // after each 16 KiB
};

class TinyRegistry {
 public:
  // Nothing: the honest answer.
  using Intercept = std::function<std::optional<TinyReply>(const TinyRequest&)>;

  TinyRegistry() {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    socklen_t size = sizeof(address);
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    EXPECT_EQ(::listen(listener_, 64), 0);
    acceptor_ = std::thread([this] { accept_all(); });
  }
  TinyRegistry(const TinyRegistry&) = delete;
  TinyRegistry& operator=(const TinyRegistry&) = delete;
  ~TinyRegistry() {
    is_ending_ = true;
    ::shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    {
      const std::lock_guard lock(mutex_);
      for (const int socket : sockets_) ::shutdown(socket, SHUT_RDWR);
    }
    for (std::thread& connection : connections_) connection.join();
    ::close(listener_);
  }

  uint16_t port() const { return port_; }
  std::string host() const { return fmt::format("127.0.0.1:{}", port_); }
  std::string url() const { return "http://" + host(); }

  void intercept(Intercept intercept) {
    const std::lock_guard lock(mutex_);
    intercept_ = std::move(intercept);
  }
  // Puts a model library/tiny:latest there, of layers of these contents; its manifest.
  std::string add_model(const std::vector<std::string>& layers) {
    Manifest manifest;
    manifest.config =
        add_blob(media_type::kConfig, ModelConfig{"gguf", "llama", {"llama"}, "1B", "F16", {}}.serialise());
    for (const std::string& content : layers)
      manifest.layers.push_back(add_blob(media_type::kModel, content));
    set_manifest(manifest.serialise());
    return manifest.serialise();
  }
  Layer add_blob(std::string_view type, const std::string& content) {
    const std::lock_guard lock(mutex_);
    const Digest digest = Digest::of(content);
    blobs_.insert_or_assign(digest.text(), content);
    return {std::string(type), digest, content.size(), "", ""};
  }
  void set_manifest(std::string bytes) { set_manifest("latest", std::move(bytes)); }
  // By tag or digest.
  void set_manifest(const std::string& reference, std::string bytes) {
    const std::lock_guard lock(mutex_);
    manifests_.insert_or_assign(reference, std::move(bytes));
  }
  std::string manifest(const std::string& reference = "latest") {
    const std::lock_guard lock(mutex_);
    const auto found = manifests_.find(reference);
    return found == manifests_.end() ? "" : found->second;
  }
  // As of version 1.1 of the specification: lists what refers to a manifest.
  void keep_referrers() { keeps_referrers_ = true; }
  std::map<std::string, std::string> blobs() {
    const std::lock_guard lock(mutex_);
    return blobs_;
  }

  std::vector<TinyRequest> log() {
    const std::lock_guard lock(mutex_);
    return log_;
  }
  size_t count(std::string_view part_of_target) {
    size_t n = 0;
    for (const TinyRequest& request : log())
      n += request.target.find(part_of_target) != std::string::npos ? 1U : 0U;
    return n;
  }
  // Bytes of manifests and blobs that went out.
  uint64_t sent_bytes() const { return sent_bytes_; }

 private:
  void accept_all() {
    while (!is_ending_) {
      const int socket = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (socket < 0) continue;
      const std::lock_guard lock(mutex_);
      sockets_.push_back(socket);
      connections_.emplace_back([this, socket] { serve(socket); });
    }
  }

  void serve(int socket) {
    std::string input;
    while (const auto request = read_request(socket, input)) {
      std::optional<TinyReply> reply;
      Intercept intercept;
      {
        const std::lock_guard lock(mutex_);
        log_.push_back(*request);
        intercept = intercept_;
      }
      if (intercept) reply = intercept(*request);
      if (!reply) reply = answer(*request);
      if (!write_reply(socket, *request, *reply)) break;
    }
    const std::lock_guard lock(mutex_);
    std::erase(sockets_, socket);
    ::close(socket);
  }

  static std::optional<TinyRequest> read_request(int socket, std::string& input) {
    size_t end = 0;
    while ((end = input.find("\r\n\r\n")) == std::string::npos) {
      if (!read_more(socket, input)) return std::nullopt;
    }
    TinyRequest request;
    const std::string head = input.substr(0, end + 2);
    input.erase(0, end + 4);
    request.method = head.substr(0, head.find(' '));
    const size_t target = request.method.size() + 1;
    request.target = head.substr(target, head.find(' ', target) - target);
    for (size_t at = head.find("\r\n") + 2; at < head.size();) {
      const size_t stop = head.find("\r\n", at);
      const size_t colon = head.find(':', at);
      std::string name = head.substr(at, colon - at);
      for (char& c : name) c = static_cast<char>(std::tolower(c));
      request.headers[name] = head.substr(colon + 2, stop - colon - 2);
      at = stop + 2;
    }
    const size_t length = std::strtoull(request.header("content-length").c_str(), nullptr, 10);
    while (input.size() < length) {
      if (!read_more(socket, input)) return std::nullopt;
    }
    request.body = input.substr(0, length);
    input.erase(0, length);
    return request;
  }

  static bool read_more(int socket, std::string& input) {
    char bytes[65536];
    const ssize_t n = ::recv(socket, bytes, sizeof(bytes), 0);
    constexpr char kTlsHandshake = 0x16;  // which no request begins with
    if (n <= 0 || (input.empty() && bytes[0] == kTlsHandshake)) {
      if (n > 0) write_all(socket, "HTTP/1.1 400 X\r\n\r\n");
      return false;
    }
    input.append(bytes, static_cast<size_t>(n));
    return true;
  }

  // The distribution API, as far as it is used.
  TinyReply answer(const TinyRequest& request) {
    const std::lock_guard lock(mutex_);
    const std::string manifests = "/v2/library/tiny/manifests/";
    if (request.target.starts_with(manifests))
      return answer_manifest(request, request.target.substr(manifests.size()));
    const std::string referrers = "/v2/library/tiny/referrers/";
    if (request.target.starts_with(referrers)) return list_referrers(request.target.substr(referrers.size()));
    if (request.target.find("/blobs/uploads/") != std::string::npos) return take_upload(request);
    const auto blob = blobs_.find(request.target.substr(request.target.rfind('/') + 1));
    if (blob == blobs_.end()) return {.status = 404};
    return range_of(request, blob->second);
  }

  TinyReply answer_manifest(const TinyRequest& request, const std::string& reference) {
    if (request.method == "PUT") {
      if (reference.starts_with("sha256:") && reference != Digest::of(request.body).text())
        return {.status = 400, .body = "digest invalid"};
      manifests_.insert_or_assign(reference, request.body);
      const auto document = nlohmann::json::parse(request.body, nullptr, false);
      if (!keeps_referrers_ || !document.is_object() || !document.contains("subject")) return {.status = 201};
      return {.status = 201, .headers = {{"OCI-Subject", document["subject"]["digest"]}}};
    }
    const auto found = manifests_.find(reference);
    if (found == manifests_.end())
      return {.status = 404, .body = R"({"errors":[{"message":"manifest unknown"}]})"};
    return {.headers = {{"Content-Type", std::string(media_type::kManifest)}}, .body = found->second};
  }

  TinyReply list_referrers(const std::string& subject) {
    if (!keeps_referrers_) return {.status = 404, .body = "404 page not found"};
    nlohmann::json list{{"schemaVersion", 2}, {"mediaType", media_type::kOciIndex}};
    list["manifests"] = nlohmann::json::array();
    for (const auto& [reference, bytes] : manifests_) {
      const auto document = nlohmann::json::parse(bytes, nullptr, false);
      if (!document.is_object() || !document.contains("subject") || document["subject"]["digest"] != subject)
        continue;
      list["manifests"].push_back({{"mediaType", document["mediaType"]},
                                   {"digest", reference},
                                   {"size", bytes.size()},
                                   {"artifactType", document["artifactType"]},
                                   {"annotations", document["annotations"]}});
    }
    return {.headers = {{"Content-Type", std::string(media_type::kOciIndex)}}, .body = list.dump()};
  }

  static TinyReply range_of(const TinyRequest& request, const std::string& content) {
    const std::string range = request.header("range");
    if (range.empty()) return {.body = content};
    const size_t begin = std::strtoull(range.c_str() + std::string("bytes=").size(), nullptr, 10);
    const size_t end = std::strtoull(range.c_str() + range.find('-') + 1, nullptr, 10);
    if (begin >= content.size()) return {.status = 416};
    return {.status = 206,
            .headers = {{"Content-Range", fmt::format("bytes {}-{}/{}", begin, end, content.size())}},
            .body = content.substr(begin, end - begin + 1)};
  }

  TinyReply take_upload(const TinyRequest& request) {
    const std::string location = "/v2/library/tiny/blobs/uploads/1?state=x";
    if (request.method == "POST") {
      upload_.clear();
      return {.status = 202, .headers = {{"Location", location}}};
    }
    if (request.method == "PATCH" || request.method == "PUT") upload_ += request.body;
    const std::string range = fmt::format("0-{}", upload_.empty() ? 0 : upload_.size() - 1);
    if (request.method == "GET")
      return {.status = 204, .headers = {{"Location", location}, {"Range", range}}};
    if (request.method == "PATCH")
      return {.status = 202, .headers = {{"Location", location}, {"Range", range}}};
    const Digest digest = Digest::of(upload_);
    if (request.target.find(digest.hex()) == std::string::npos)
      return {.status = 400, .body = "digest invalid"};
    blobs_.insert_or_assign(digest.text(), upload_);
    return {.status = 201};
  }

  bool write_reply(int socket, const TinyRequest& request, const TinyReply& reply) {
    std::string head = fmt::format("HTTP/1.1 {} X\r\n", reply.status);
    for (const auto& [name, value] : reply.headers) head += fmt::format("{}: {}\r\n", name, value);
    const bool says_length = !reply.is_endless && reply.length != "" && reply.status != 204;
    if (says_length)
      head += fmt::format("Content-Length: {}\r\n", reply.length.value_or(std::to_string(reply.body.size())));
    const bool closes = reply.is_endless || reply.length || reply.cut_after != std::string::npos;
    if (closes) head += "Connection: close\r\n";
    if (!write_all(socket, head + "\r\n") || request.method == "HEAD") return false;
    do {
      const size_t n_wanted = std::min(reply.body.size(), reply.cut_after);
      for (size_t at = 0; at < n_wanted;) {
        const size_t n = std::min<size_t>(16384, n_wanted - at);
        if (is_ending_ || !write_all(socket, std::string_view(reply.body).substr(at, n))) return false;
        if (reply.status < 300) sent_bytes_ += n;
        at += n;
        if (reply.pause.count() > 0) std::this_thread::sleep_for(reply.pause);
      }
    } while (reply.is_endless);
    if (reply.then_stalls) {
      pollfd gone{socket, POLLIN, 0};
      ::poll(&gone, 1, 60'000);
    }
    return !closes;
  }

  static bool write_all(int socket, std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t n = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(n));
    }
    return true;
  }

  int listener_ = -1;
  uint16_t port_ = 0;
  std::thread acceptor_;
  std::atomic<bool> is_ending_{false};
  std::atomic<uint64_t> sent_bytes_{0};
  std::mutex mutex_;
  std::vector<std::thread> connections_;
  std::vector<int> sockets_;
  Intercept intercept_;
  std::vector<TinyRequest> log_;
  std::map<std::string, std::string> blobs_;
  std::map<std::string, std::string> manifests_;
  std::atomic<bool> keeps_referrers_{false};
  std::string upload_;
};

// Content that compresses to nothing else and repeats nowhere.
inline std::string noise(size_t size, uint32_t seed = 1) {
  std::string bytes(size, '\0');
  for (char& byte : bytes) {
    seed = seed * 1664525U + 1013904223U;
    byte = static_cast<char>(seed >> 24U);
  }
  return bytes;
}

}  // namespace hearth::store::registry
