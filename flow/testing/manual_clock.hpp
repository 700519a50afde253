// A clock that stands still until the test advances it: a wait of seconds is tested in no time.
//
//   manual_clock time(executor);      // before anything that waits
//   time.advance(2s);
#pragma once

#include <map>

#include "flow/clock.hpp"

namespace flow::testing {

class manual_clock final : public clock {
 public:
  // Becomes the clock of everything created on the executor's context from now on, and must
  // outlive it.
  explicit manual_clock(asio::any_io_executor executor);
  ~manual_clock() override;

  // Waits whose limit has been reached complete later, from the executor.
  void advance(duration by);

  // Whether anything waits for a limit. Advancing the clock before a wait begins has no effect
  // on it.
  bool awaited() const noexcept { return !armed_.empty(); }

  time_point now() const noexcept override { return now_; }
  void arm(asio::steady_timer& timer, time_point limit) override;
  void disarm(asio::steady_timer& timer) noexcept override;

 private:
  asio::any_io_executor executor_;
  time_point now_;
  std::map<asio::steady_timer*, time_point> armed_;
};

}  // namespace flow::testing
