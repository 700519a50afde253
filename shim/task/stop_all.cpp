// Ends all containers at once, when their sandbox is stopped.
#include <csignal>

#include "shim/task/service.hpp"

namespace shim {

using flow::awaitable;
using namespace std::chrono_literals;

namespace {

bool can_be_signalled(const container& c) {
  const auto& life = c.init()->life;
  return life.is_known() && !life.has_exited();
}

bool has_stopped(const container& c) {
  const auto& life = c.init()->life;
  return !life.is_known() || life.is_over();
}

}  // namespace

awaitable<void> task_service::stop_all(std::chrono::steady_clock::duration grace) {
  if (grace > 0s) {
    co_await signal_all(SIGTERM);
    co_await wait_all_stopped(removed_.time().now() + grace);
  }
  co_await signal_all(SIGKILL);
  // If a process survives SIGKILL, its machine is killed, see enforce_kill().
  co_await wait_all_stopped(std::chrono::steady_clock::time_point::max());
}

awaitable<void> task_service::signal_all(std::uint32_t signal) {
  const bool forced = signal == SIGKILL;
  // Calls under way may remove containers meanwhile.
  for (const auto all = containers_; const auto& [id, c] : all) {
    if (forced && c->init()->streams) {
      c->init()->streams->expedite();
    }
    if (!can_be_signalled(*c)) {
      continue;
    }
    // An error means that it has just ended or that the guest is lost: it is stopped either way.
    static_cast<void>(co_await send_signal(*c, c->init(), signal, forced));
  }
}

awaitable<void> task_service::wait_all_stopped(std::chrono::steady_clock::time_point limit) {
  for (const auto all = containers_; const auto& [id, c] : all) {
    const auto stopped = [&one = *c] { return has_stopped(one); };
    co_await c->init()->changed.wait_until(limit, stopped);
  }
}

}  // namespace shim
