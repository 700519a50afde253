// Lets coroutines of one thread wait until a condition holds.
//
//   const auto arrived = [this] { return closed_ || !queue_.empty(); };
//   co_await changed_.wait(arrived);
//
// There is no stored state: whoever changes a condition calls notify_all(), and every waiter checks
// again. Everything runs on one thread, so nothing changes between the check and the wait.
#pragma once

#include <functional>
#include <vector>

#include "flow/asio.hpp"
#include "flow/clock.hpp"

namespace flow {

class event {
 public:
  using condition = std::function<bool()>;

  // Timeouts use the clock of the executor's context.
  explicit event(asio::any_io_executor executor);
  event(const event&) = delete;
  event& operator=(const event&) = delete;

  // Resumes all current waiters later, from the executor, never inside this call.
  void notify_all();

  // Returns when `holds` is true, immediately if it already is. The event and everything
  // `holds` refers to must outlive the wait. `holds` is called at the beginning and after
  // each notification.
  awaitable<void> wait(condition holds);

  // As above, but at the latest after `timeout` or at `limit`. Returns the result of `holds` then;
  // false means only that the time has expired.
  awaitable<bool> wait_for(clock::duration timeout, condition holds);
  awaitable<bool> wait_until(clock::time_point limit, condition holds);

  // Returns after the next notification, whatever its cause: for loops that check more than a
  // condition can express, and for those on the path of every byte.
  awaitable<void> wait();

  const clock& time() const noexcept { return clock_; }

 private:
  awaitable<void> wait_notified(clock::time_point limit);

  asio::any_io_executor executor_;
  clock& clock_;
  std::vector<asio::steady_timer*> waiting_;
};

}  // namespace flow
