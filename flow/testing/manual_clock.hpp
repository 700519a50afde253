// A clock that stands still until the test turns it: what waits for seconds is tested in none.
//
//   manual_clock time(executor);      // before anything that waits
//   time.advance(2s);
#pragma once

#include <map>

#include "flow/clock.hpp"

namespace flow::testing {

class manual_clock final : public clock {
 public:
  // Is the clock of everything made on the executor's context from here on, and must outlive it.
  explicit manual_clock(asio::any_io_executor executor);
  ~manual_clock() override;

  // Waits whose limit has come then complete, later, from the executor.
  void advance(duration by);

  // Whether anything waits for a limit. A test that turns the clock too early turns it in vain.
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
