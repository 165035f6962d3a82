#include "worker/engine_process.h"

#include "worker/connection.h"
#include "worker/service.h"

namespace hearth::worker {
namespace {

// What may wait for the front to read it before the engine computes more.
constexpr size_t kMaxUnsentBytes = size_t{4} << 20U;

}  // namespace

ReplySink sink_of(Connection& connection) {
  return [&connection](const protocol::Reply& reply) {
    connection.send(reply);
    // That the front is gone is noticed by the loop.
    if (reply.has_progress()) (void)connection.flush();
  };
}

Result<void> serve_calls(UniqueDescriptor socket, const EngineProcessOptions& options) {
  Connection connection(std::move(socket));
  Service service({options.sandbox, options.make_backend, options.n_default_threads}, sink_of(connection));
  while (true) {
    HEARTH_ASSIGN(const bool is_there, connection.receive());
    if (!is_there) return {};
    for (protocol::Call call;;) {
      HEARTH_ASSIGN(const bool has_call, connection.next(call));
      if (!has_call) break;
      service.handle(call);
      call.Clear();
    }
    const bool computes = service.has_work() && connection.unsent_bytes() < kMaxUnsentBytes;
    if (computes) service.step();
    HEARTH_ASSIGN(const bool reads, connection.flush());
    if (!reads) return {};
    if (!computes) connection.wait();
  }
}

}  // namespace hearth::worker
