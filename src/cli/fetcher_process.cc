// hearth fetcher-process: what hearth serve starts for each pull and push. Not for people: it takes its order
// from the socket that it inherits (protocol/fetcher.proto).
#include "fetcher/fetcher_process.h"

#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/command.h"

namespace hearth::cli {
namespace {

bool is_order_socket(int descriptor) {
  int type = 0;
  socklen_t length = sizeof(type);
  return ::getsockopt(descriptor, SOL_SOCKET, SO_TYPE, &type, &length) == 0 && type == SOCK_STREAM;
}

Result<void> run_fetcher_process(const Context& context) {
  if (!is_order_socket(fetcher::kSocketDescriptor)) {
    return make_error(ErrorCode::kUsage,
                      "fetcher-process is started by hearth serve: expected a socket as descriptor {}",
                      fetcher::kSocketDescriptor);
  }
  ::signal(SIGINT, SIG_IGN);   // Ctrl-C is the front's, which ends its fetchers itself
  ::signal(SIGPIPE, SIG_IGN);  // a connection that ends is an answer
  const auto done = fetcher::carry_out_order(UniqueDescriptor(fetcher::kSocketDescriptor));
  // What went wrong was told to the front, unless it has gone; then nobody asks.
  const bool is_told = !done && done.error().code() != ErrorCode::kUsage;
  if (!done && !is_told) context.console.error(done.error().message());
  // What a leak checker does at the end of a process is denied.
  ::_exit(done ? 0 : error_traits(done.error().code()).exit_code);
}

}  // namespace

void add_fetcher_process_command(CLI::App& parser, Action& action) {
  CLI::App* command = parser.add_subcommand("fetcher-process", "Talk to a registry for hearth serve");
  auto name = std::make_shared<std::string>();
  command->add_option("MODEL", *name, "what the process list should show")->type_name("");
  command->callback(
      [name, &action] { action = [](const Context& context) { return run_fetcher_process(context); }; });
}

}  // namespace hearth::cli
