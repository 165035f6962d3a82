#include "worker/reply_sink.h"

#include "base/utf8.h"
#include "protocol/status.h"

namespace hearth::worker {

void send_failure(const ReplySink& send, uint64_t id, const Error& error) {
  protocol::Reply reply;
  reply.set_id(id);
  // Messages quote what stands in files.
  *reply.mutable_failure() = protocol::failure_of(Error(error.code(), sanitize_utf8(error.message())));
  send(reply);
}

}  // namespace hearth::worker
