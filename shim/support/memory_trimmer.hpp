// Returns the memory that an operation used, with a delay: the steps that follow a start (its
// answer, events, calls of clients) need memory again.
#pragma once

#include "flow/asio.hpp"
#include "flow/event.hpp"
#include "flow/system/log.hpp"
#include "flow/task_group.hpp"

namespace shim {

class memory_trimmer {
 public:
  // `log` must outlive the object. Call join() before destruction.
  memory_trimmer(const flow::asio::any_io_executor& executor, flow::log& log);
  memory_trimmer(const memory_trimmer&) = delete;
  memory_trimmer& operator=(const memory_trimmer&) = delete;

  // Trims after limits::trim_delay; calls until then have no further effect.
  void trim_soon();

  // Cancels a pending trim, and returns when no task is running.
  flow::awaitable<void> join();

 private:
  flow::awaitable<void> trim();

  bool trimming_ = false;
  bool stopped_ = false;
  flow::event stop_;
  flow::task_group tasks_;
};

}  // namespace shim
