#include "worker/load_report.h"

namespace hearth::worker {

void LoadReport::tell(const models::LoadStep& step) {
  constexpr std::chrono::milliseconds kInterval(100);
  const Clock::time_point now = Clock::now();
  if (step.stage == stage_ && now - told_ < kInterval) return;
  stage_ = step.stage;
  told_ = now;
  protocol::Reply reply;
  reply.set_id(id_);
  protocol::Progress& progress = *reply.mutable_progress();
  progress.set_stage(stage_);
  progress.set_completed(step.completed_bytes);
  progress.set_total(step.total_bytes);
  send_(reply);
}

}  // namespace hearth::worker
