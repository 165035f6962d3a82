// hearth engine-process: what hearth serve starts for each model that it loads. Not for people: it answers
// calls on the socket that it inherits (protocol/engine.proto).
#include "worker/engine_process.h"

#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <ctime>

#include "base/cpu.h"
#include "base/sandbox.h"
#include "cli/command.h"

namespace hearth::cli {
namespace {

bool is_socket(int descriptor) {
  int type = 0;
  socklen_t length = sizeof(type);
  return ::getsockopt(descriptor, SOL_SOCKET, SO_TYPE, &type, &length) == 0 && type == SOCK_STREAM;
}

Result<void> run_engine_process(const Context& context) {
  if (!is_socket(worker::kSocketDescriptor)) {
    return make_error(ErrorCode::kUsage,
                      "engine-process is started by hearth serve: expected a socket as descriptor {}",
                      worker::kSocketDescriptor);
  }
  UniqueDescriptor socket(worker::kSocketDescriptor);
  // All that is read of the system is read before it is closed: the processor and its cores, the time zone.
  worker::EngineProcessOptions options{context.make_backend, physical_core_count(), ""};
  HEARTH_TRY(choose_isa());
  ::tzset();
  ::signal(SIGINT, SIG_IGN);  // Ctrl-C is the front's, which ends its engines itself
  HEARTH_ASSIGN(options.sandbox, seal_process());
  const auto served = worker::serve_calls(std::move(socket), options);
  if (!served) context.console.error(served.error().message());
  // Nothing is left to be put in order, and what a leak checker does at the end of a process is denied.
  ::_exit(served ? 0 : error_traits(served.error().code()).exit_code);
}

}  // namespace

void add_engine_process_command(CLI::App& parser, Action& action) {
  CLI::App* command = parser.add_subcommand("engine-process", "Compute for hearth serve");
  auto name = std::make_shared<std::string>();
  command->add_option("MODEL", *name, "what the process list should show")->type_name("");
  command->callback(
      [name, &action] { action = [](const Context& context) { return run_engine_process(context); }; });
}

}  // namespace hearth::cli
