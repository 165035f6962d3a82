// The life of an engine process: sealed, then calls and steps until the front goes away.
#pragma once

#include "base/result.h"
#include "base/unique_descriptor.h"
#include "worker/backend_factory.h"
#include "worker/connection.h"
#include "worker/reply_sink.h"

namespace hearth::worker {

// Where a front puts the socket.
constexpr int kSocketDescriptor = 3;

struct EngineProcessOptions {
  BackendFactory make_backend;
  int n_default_threads = 1;
  std::string sandbox;  // what the process is sealed by
};

// Queues replies, and sends progress at once: it is of use only while the call that it belongs to still runs.
// `connection` must outlive it.
ReplySink sink_of(Connection& connection);

// Answers calls until the other side closes the socket. The errors of Connection: a connection that is
// broken.
Result<void> serve_calls(UniqueDescriptor socket, const EngineProcessOptions& options);

}  // namespace hearth::worker
