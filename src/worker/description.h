// What the front is told of a model: in short, and all of it.
#pragma once

#include "protocol/engine.pb.h"
#include "worker/opened_model.h"

namespace hearth::worker {

// Texts are made whole UTF-8, whatever the file has. Opened.sandbox is left to the caller.
protocol::Opened describe(const OpenedModel& model);

// Long arrays (vocabularies) are null unless `verbose`.
protocol::Inspection inspect(const models::Checkpoint& checkpoint, bool verbose);

}  // namespace hearth::worker
