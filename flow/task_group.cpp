#include "flow/task_group.hpp"

#include <boost/asio/co_spawn.hpp>
#include <cassert>

namespace flow {

task_group::task_group(asio::any_io_executor executor, failure_handler on_failure)
    : executor_(std::move(executor)), on_failure_(std::move(on_failure)), idle_(executor_) {}

task_group::~task_group() {
  assert(live_ == 0 && "a task group must be joined before it is destroyed");
}

void task_group::spawn(std::string name, awaitable<void> task) {
  ++live_;
  asio::co_spawn(executor_, std::move(task),
                 [this, name = std::move(name)](const std::exception_ptr& failure) {
                   if (failure) {
                     on_failure_(name, failure);
                   }
                   if (--live_ == 0) {
                     idle_.notify_all();
                   }
                 });
}

awaitable<void> task_group::join() {
  const auto idle = [this] { return live_ == 0; };
  co_await idle_.wait(idle);
}

std::string describe(const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const std::exception& e) {
    return e.what();
  } catch (...) {
    return "unknown exception";
  }
}

}  // namespace flow
