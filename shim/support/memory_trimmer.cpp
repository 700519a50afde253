#include "shim/support/memory_trimmer.hpp"

#include <utility>

#include "flow/system/log_failures.hpp"
#include "shim/config/limits.hpp"
#include "shim/support/resident_memory.hpp"

namespace shim {

using flow::awaitable;

memory_trimmer::memory_trimmer(const flow::asio::any_io_executor& executor, flow::log& log)
    : stop_(executor), tasks_(executor, flow::log_failures(log, "memory trimmer")) {}

void memory_trimmer::trim_soon() {
  if (!std::exchange(trimming_, true)) {
    tasks_.spawn("trim", trim());
  }
}

awaitable<void> memory_trimmer::trim() {
  const auto stopped = [this] { return stopped_; };
  const bool ending = co_await stop_.wait_for(limits::trim_delay, stopped);
  trimming_ = false;
  if (!ending) {
    trim_resident_memory();
  }
}

awaitable<void> memory_trimmer::join() {
  stopped_ = true;
  stop_.notify_all();
  co_await tasks_.join();
}

}  // namespace shim
