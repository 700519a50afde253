// Owns background coroutines: each has a name, its failure is reported, and the owner can wait for
// all of them.
//
// A group does not cancel: its owner makes the coroutines end (closes their streams, cancels their
// timers) and then joins. Everything a coroutine refers to must live until join() returns.
#pragma once

#include <cstddef>
#include <exception>
#include <functional>
#include <string>

#include "flow/asio.hpp"
#include "flow/event.hpp"

namespace flow {

class task_group {
 public:
  // Called with the task's name when a task ended by an exception, which is a bug: expected
  // failures are values.
  using failure_handler = std::function<void(const std::string& name, std::exception_ptr failure)>;

  task_group(asio::any_io_executor executor, failure_handler on_failure);
  task_group(const task_group&) = delete;
  task_group& operator=(const task_group&) = delete;
  ~task_group();

  // `task` is a coroutine that has been called: spawn("reader", read_loop(std::move(socket))).
  void spawn(std::string name, awaitable<void> task);

  // Returns when no task is left, including those spawned meanwhile.
  awaitable<void> join();

  std::size_t size() const noexcept { return live_; }

 private:
  asio::any_io_executor executor_;
  failure_handler on_failure_;
  event idle_;
  std::size_t live_ = 0;
};

// "what()" of an exception, for a log line.
std::string describe(const std::exception_ptr& failure);

}  // namespace flow
