#include "cli/interrupt.h"

#include <signal.h>
#include <unistd.h>

#include <atomic>

namespace hearth::cli {
namespace {

constexpr int kExitInterrupted = 130;

std::atomic<bool> g_interrupted{false};
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler may touch it");

void on_interrupt(int /*signal*/) {
  if (g_interrupted.exchange(true)) _exit(kExitInterrupted);
}

}  // namespace

void install_interrupt_handler() {
  struct sigaction action {};
  action.sa_handler = on_interrupt;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
}

bool interrupted() noexcept {
  return g_interrupted.load();
}

void clear_interrupt() noexcept {
  g_interrupted.store(false);
}

}  // namespace hearth::cli
