// One pull into a store, in one process, or a collector of garbage until it is told to stop; for
// store_faults_test.
//
//   store_faults_puller pull NAME ROOT PART_BYTES
//   store_faults_puller collect ROOT               until standard input ends
#include <poll.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "store/registry/transfer.h"

namespace {

using namespace hearth;
using namespace hearth::store;

Result<void> pull_into(const char* text, const char* root, const char* part_bytes) {
  HEARTH_ASSIGN(const ModelName name, ModelName::parse(text));
  registry::RegistryOptions options;
  options.insecure = true;
  options.plain_http = true;
  options.part_bytes = std::strtoull(part_bytes, nullptr, 10);
  options.max_tries = 3;
  options.first_pause = std::chrono::milliseconds(1);
  // As the fetcher process does it: the folders first.
  HEARTH_TRY(registry::make_places_of_pull(root));
  HEARTH_ASSIGN(const Store store, Store::open(root));
  HEARTH_ASSIGN(const auto session,
                registry::Session::create(name, registry::Session::Action::kPull, std::move(options)));
  const registry::TransferEvents events{.on_bytes = [](const Layer&, uint64_t) {},
                                        .on_verify = [](const Layer&, uint64_t) {}};
  HEARTH_ASSIGN(const registry::Pulled pulled, registry::pull(*session, store, events));
  HEARTH_TRY(store.write_manifest(name, pulled.manifest));
  return {};
}

Result<void> collect(const char* root) {
  HEARTH_ASSIGN(const Store store, Store::open(root));
  pollfd ended{STDIN_FILENO, POLLIN, 0};
  while (::poll(&ended, 1, 0) == 0) {
    HEARTH_TRY(store.collect_garbage({.min_age = std::chrono::seconds(0)}));
  }
  return {};
}

}  // namespace

int main(int n_arguments, char** arguments) {
  const bool is_pull = n_arguments == 5 && std::strcmp(arguments[1], "pull") == 0;
  const bool is_collector = n_arguments == 3 && std::strcmp(arguments[1], "collect") == 0;
  if (!is_pull && !is_collector) return 2;
  const auto done = is_pull ? pull_into(arguments[2], arguments[3], arguments[4]) : collect(arguments[2]);
  if (done) return 0;
  fmt::print(stderr, "{}\n", done.error().message());
  return 1;
}
