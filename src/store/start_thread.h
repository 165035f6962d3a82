// Threads that work goes on without.
#pragma once

#include <system_error>
#include <thread>
#include <utility>

namespace hearth::store {

// False where the system gives no further thread: whoever asked does the work itself.
template <typename Body>
bool start_thread(std::thread& thread, Body body) {
  try {
    thread = std::thread(std::move(body));
    return true;
  } catch (const std::system_error&) {
    return false;
  }
}

}  // namespace hearth::store
