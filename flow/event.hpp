// Lets coroutines of one thread wait until something changed.
//
// There is no stored state: a waiter checks its condition, waits, and checks again. Since all of
// them run on one thread, nothing can change between the check and the wait.
//
//   while (!ready) { co_await changed.wait(); }
#pragma once

#include <chrono>
#include <vector>

#include "flow/asio.hpp"

namespace flow {

class event {
 public:
  explicit event(asio::any_io_executor executor) : executor_(std::move(executor)) {}
  event(const event&) = delete;
  event& operator=(const event&) = delete;

  // Resumes everyone who waits now, later, from the executor; never inside this call.
  void notify_all();

  // The event must outlive every waiter.
  awaitable<void> wait();

  // False if `timeout` passed first.
  awaitable<bool> wait_for(std::chrono::steady_clock::duration timeout);

 private:
  awaitable<bool> wait_until(std::chrono::steady_clock::time_point limit);

  asio::any_io_executor executor_;
  std::vector<asio::steady_timer*> waiting_;
};

}  // namespace flow
