#include "flow/event.hpp"

#include <algorithm>

namespace flow {

void event::notify_all() {
  for (auto* timer : waiting_) {
    timer->cancel();
  }
  waiting_.clear();
}

awaitable<bool> event::wait_until(std::chrono::steady_clock::time_point limit) {
  asio::steady_timer timer(executor_, limit);
  waiting_.push_back(&timer);
  const auto r = co_await timer.async_wait(as_result);
  const bool expired = !std::get<0>(r);
  const auto self = std::find(waiting_.begin(), waiting_.end(), &timer);
  if (self == waiting_.end()) {
    co_return true;
  }
  waiting_.erase(self);
  co_return !expired;
}

awaitable<void> event::wait() {
  co_await wait_until(std::chrono::steady_clock::time_point::max());
}

awaitable<bool> event::wait_for(std::chrono::steady_clock::duration timeout) {
  co_return co_await wait_until(std::chrono::steady_clock::now() + timeout);
}

}  // namespace flow
