#include "fetcher/fetcher_process.h"

#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>

#include "base/sandbox.h"
#include "fetcher/reports.h"
#include "protocol/fetcher.pb.h"
#include "protocol/framing.h"
#include "protocol/status.h"
#include "store/registry/transfer.h"

namespace hearth::fetcher {
namespace {

using protocol::FetchOrder;
using protocol::FetchReport;
using store::registry::RegistryOptions;

constexpr int kOrderTimeoutMs = 10'000;

Result<FetchOrder> receive_order(int socket) {
  protocol::FrameReader reader;
  std::array<char, 4096> bytes;
  while (true) {
    pollfd ready{socket, POLLIN, 0};
    if (::poll(&ready, 1, kOrderTimeoutMs) == 0)
      return Error(ErrorCode::kUsage, "the socket: expected an order, found silence");
    const ssize_t n = ::recv(socket, bytes.data(), bytes.size(), 0);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return Error(ErrorCode::kUsage, "the socket: expected an order, found its end");
    reader.append({bytes.data(), static_cast<size_t>(n)});
    FetchOrder order;
    HEARTH_ASSIGN(const bool is_whole, reader.next(order));
    if (is_whole) return order;
  }
}

// What looking up names and verifying certificates reads.
std::vector<std::filesystem::path> readable_paths(const FetchOrder& order) {
  std::vector<std::filesystem::path> paths{
      "/etc/resolv.conf", "/etc/hosts", "/etc/host.conf", "/etc/nsswitch.conf", "/etc/gai.conf",
      "/etc/services", "/etc/protocols", "/etc/localtime", "/usr/share/zoneinfo", "/etc/ssl", "/usr/lib/ssl",
      "/etc/ca-certificates", "/etc/pki/tls/certs", "/run/systemd/resolve", "/run/resolvconf",
      "/usr/share/ca-certificates", "/usr/local/share/ca-certificates", "/dev/urandom",
      // Certificates are links into here.
      order.store_root()};
  if (!order.ca_file().empty()) paths.emplace_back(order.ca_file());
  return paths;
}

// The resolver loads its parts when it first looks up a name, which is denied once memory cannot become code.
void load_resolver() {
  addrinfo* found = nullptr;
  if (::getaddrinfo("localhost", nullptr, nullptr, &found) == 0) ::freeaddrinfo(found);
}

Result<std::string> seal(const FetchOrder& order) {
  DownloadReach reach;
  reach.readable = readable_paths(order);
  if (order.kind() == FetchOrder::PULL) {
    HEARTH_ASSIGN(reach.writable, store::registry::make_places_of_pull(order.store_root()));
  }
  load_resolver();
  return seal_downloader(reach);
}

// 0 stands for the default.
template <typename Value, typename Wire>
void take(Value& value, Wire wish) {
  if (wish != 0) value = static_cast<Value>(wish);
}

RegistryOptions registry_options(const FetchOrder& order, int socket) {
  RegistryOptions options;
  options.insecure = order.insecure();
  options.plain_http = order.plain_http();
  options.token_hosts.assign(order.token_hosts().begin(), order.token_hosts().end());
  options.transport.ca_file = order.ca_file();
  options.transport.max_bytes_per_s = order.max_bytes_per_s();
  options.transport.cancel_descriptor = socket;
  take(options.part_bytes, order.part_bytes());
  take(options.n_streams, order.n_streams());
  take(options.max_tries, order.max_tries());
  if (order.first_pause_ms() != 0) {
    options.first_pause = std::chrono::milliseconds(order.first_pause_ms());
    options.longest_pause = 30 * options.first_pause;
  }
  if (order.stall_timeout_s() != 0)
    options.transport.stall_timeout = std::chrono::seconds(order.stall_timeout_s());
  return options;
}

void wait_for_front(int socket) {
  pollfd closed{socket, POLLIN, 0};
  while (::poll(&closed, 1, -1) < 0 && errno == EINTR) {
  }
}

Result<void> transfer(const FetchOrder& order, RegistryOptions options, Reports& reports, int socket) {
  HEARTH_ASSIGN(const store::ModelName name, store::ModelName::parse(order.name()));
  HEARTH_ASSIGN(const store::Store store, store::Store::open(order.store_root()));
  const bool is_pull = order.kind() == FetchOrder::PULL;
  using Action = store::registry::Session::Action;
  std::unique_ptr<store::registry::Session> peer;
  if (!order.from().empty()) {
    HEARTH_ASSIGN(peer, store::registry::Session::create_peer(name, order.from(), order.from_key(), options));
  }
  HEARTH_ASSIGN(const auto session, store::registry::Session::create(
                                        name, is_pull ? Action::kPull : Action::kPush, std::move(options)));
  const store::registry::TransferEvents events{
      .on_bytes = [&](const store::Layer& layer, uint64_t n) { reports.progress(layer, n, false); },
      .on_verify = [&](const store::Layer& layer, uint64_t n) { reports.progress(layer, n, true); },
      .on_note = [&](const std::string& text) { reports.note(text); }};
  FetchReport report;
  report.mutable_fetched();
  if (!is_pull) {
    HEARTH_TRY(store::registry::push(*session, store, name, events));
    reports.send(report);
    return {};
  }
  HEARTH_ASSIGN(store::registry::Pulled pulled, store::registry::pull(*session, store, events, peer.get()));
  report.mutable_fetched()->set_manifest(std::move(pulled.manifest));
  for (const store::ManifestSignature& signature : pulled.signatures)
    report.mutable_fetched()->add_signatures(signature.serialise());
  reports.send(report);
  wait_for_front(socket);
  return {};
}

Result<void> obey(const FetchOrder& order, Reports& reports, int socket) {
  RegistryOptions options = registry_options(order, socket);
  // Secrets are read before the seal, and only those of this registry.
  HEARTH_ASSIGN(const store::ModelName name, store::ModelName::parse(order.name()));
  if (!order.docker_config().empty()) {
    HEARTH_ASSIGN(options.credentials, store::registry::read_credentials(order.docker_config(), name.host));
  }
  FetchReport sealed;
  HEARTH_ASSIGN(*sealed.mutable_sealed()->mutable_sandbox(), seal(order));
  reports.send(sealed);
  return transfer(order, std::move(options), reports, socket);
}

}  // namespace

Result<void> carry_out_order(UniqueDescriptor socket) {
  HEARTH_ASSIGN(const FetchOrder order, receive_order(socket.get()));
  Reports reports(socket.get());
  auto done = obey(order, reports, socket.get());
  if (!done) {
    FetchReport report;
    *report.mutable_failure() = protocol::failure_of(done.error());
    reports.send(report);
  }
  return done;
}

}  // namespace hearth::fetcher
