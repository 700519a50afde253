// Lets coroutines of one thread wait until a condition holds.
//
//   const auto arrived = [this] { return closed_ || !queue_.empty(); };
//   co_await changed_.wait(arrived);
//
// There is no stored state: whoever changes what a condition looks at calls notify_all(), and every
// waiter looks again. All of it runs on one thread, so nothing changes between the look and the
// wait.
#pragma once

#include <functional>
#include <vector>

#include "flow/asio.hpp"
#include "flow/clock.hpp"

namespace flow {

class event {
 public:
  using condition = std::function<bool()>;

  // Limits go by the clock of the executor's context.
  explicit event(asio::any_io_executor executor);
  event(const event&) = delete;
  event& operator=(const event&) = delete;

  // Resumes everyone who waits now, later, from the executor; never inside this call.
  void notify_all();

  // Returns when `holds` does, at once if it does already. What `holds` refers to, and the event,
  // outlive the wait. `holds` is asked at the beginning and after each notification.
  awaitable<void> wait(condition holds);

  // As above, at the latest after `timeout` or at `limit`. Returns what `holds` says then: false
  // means that the time is over and nothing else.
  awaitable<bool> wait_for(clock::duration timeout, condition holds);
  awaitable<bool> wait_until(clock::time_point limit, condition holds);

  // Returns after the next notification, of whatever cause: for loops that look at more than a
  // condition can say, and those on the path of every byte.
  awaitable<void> wait();

  const clock& time() const noexcept { return clock_; }

 private:
  awaitable<void> wait_notified(clock::time_point limit);

  asio::any_io_executor executor_;
  clock& clock_;
  std::vector<asio::steady_timer*> waiting_;
};

}  // namespace flow
