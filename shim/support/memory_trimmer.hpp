// Gives back, a moment after something was done, the memory that doing it took: what follows a
// start (its answer, events, calls of clients) needs some again.
#pragma once

#include "flow/asio.hpp"
#include "flow/event.hpp"
#include "flow/system/log.hpp"
#include "flow/task_group.hpp"

namespace shim {

class memory_trimmer {
 public:
  // `log` outlives the object. join() before destruction.
  memory_trimmer(const flow::asio::any_io_executor& executor, flow::log& log);
  memory_trimmer(const memory_trimmer&) = delete;
  memory_trimmer& operator=(const memory_trimmer&) = delete;

  // After limits::trim_delay; calls until then have no further effect.
  void trim_soon();

  // Nothing is trimmed any more.
  flow::awaitable<void> join();

 private:
  flow::awaitable<void> trim();

  bool trimming_ = false;
  bool stopped_ = false;
  flow::event stop_;
  flow::task_group tasks_;
};

}  // namespace shim
