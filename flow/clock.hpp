// The time that waits and deadlines go by: a seam, so that a test can turn it by hand.
//
// It belongs to the execution context: everything that runs on one io_context has one time. That is
// std::chrono::steady_clock unless a test has installed another (flow/testing/manual_clock.hpp).
#pragma once

#include <chrono>

#include "flow/asio.hpp"

namespace flow {

class clock {
 public:
  using duration = std::chrono::steady_clock::duration;
  using time_point = std::chrono::steady_clock::time_point;

  clock() = default;
  clock(const clock&) = delete;
  clock& operator=(const clock&) = delete;
  virtual ~clock() = default;

  virtual time_point now() const noexcept = 0;

  // Makes a wait on `timer`, begun after this call, complete at `limit`; with which error code says
  // nothing, now() does. `timer` outlives the wait or is taken back by disarm().
  virtual void arm(asio::steady_timer& timer, time_point limit) = 0;
  virtual void disarm(asio::steady_timer& timer) noexcept = 0;

  // The clock of the context that `executor` runs on. Objects that keep the reference must be made
  // after a clock was installed, and be gone before it is.
  static clock& of(const asio::any_io_executor& executor);

  // Installs `other`, which outlives its use; nullptr: the steady clock again.
  static void install(const asio::any_io_executor& executor, clock* other);
};

}  // namespace flow
