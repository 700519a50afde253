// Handles tasks of a task group that ended by an exception, which is a bug: they are logged.
#pragma once

#include <functional>
#include <string>
#include <utility>

#include "flow/system/log.hpp"
#include "flow/task_group.hpp"

namespace flow {

// `owner` names the tasks' owner ("guest", "delivery of redis stdout"). `then`, if given, is called
// after the message: it ends the broken owner. `to` must outlive the group.
inline task_group::failure_handler log_failures(log& to, std::string owner,
                                                std::function<void()> then = nullptr) {
  return [&to, owner = std::move(owner), then = std::move(then)](
             const std::string& task, const std::exception_ptr& failure) {
    to.error("task failed", {{"owner", owner}, {"task", task}, {"err", describe(failure)}});
    if (then) {
      then();
    }
  };
}

}  // namespace flow
