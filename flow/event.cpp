#include "flow/event.hpp"

#include <utility>

namespace flow {

event::event(asio::any_io_executor executor)
    : executor_(std::move(executor)), clock_(clock::of(executor_)) {}

void event::notify_all() {
  for (auto* timer : waiting_) {
    timer->cancel();
  }
  waiting_.clear();
}

awaitable<void> event::wait_notified(clock::time_point limit) {
  asio::steady_timer timer(executor_);
  clock_.arm(timer, limit);
  waiting_.push_back(&timer);
  co_await timer.async_wait(as_result);
  clock_.disarm(timer);
  std::erase(waiting_, &timer);
}

awaitable<void> event::wait() {
  co_await wait_notified(clock::time_point::max());
}

awaitable<void> event::wait(condition holds) {
  while (!holds()) {
    co_await wait_notified(clock::time_point::max());
  }
}

awaitable<bool> event::wait_until(clock::time_point limit, condition holds) {
  while (!holds()) {
    if (clock_.now() >= limit) {
      co_return false;
    }
    co_await wait_notified(limit);
  }
  co_return true;
}

awaitable<bool> event::wait_for(clock::duration timeout, condition holds) {
  co_return co_await wait_until(clock_.now() + timeout, std::move(holds));
}

}  // namespace flow
