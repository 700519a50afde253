// The clock for waits and deadlines, replaceable so that a test can advance it by hand.
//
// It belongs to the execution context: everything that runs on one io_context shares one clock,
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

  // Makes a wait on `timer` that begins after this call complete at `limit`. The error code of the
  // wait means nothing; check now(). `timer` must outlive the wait, or disarm() must withdraw it.
  virtual void arm(asio::steady_timer& timer, time_point limit) = 0;
  virtual void disarm(asio::steady_timer& timer) noexcept = 0;

  // The clock of the context that `executor` runs on. Objects that keep the reference must be
  // created after a clock is installed and destroyed before it is.
  static clock& of(const asio::any_io_executor& executor);

  // Installs `other`, which must outlive its use. nullptr restores the steady clock.
  static void install(const asio::any_io_executor& executor, clock* other);
};

}  // namespace flow
