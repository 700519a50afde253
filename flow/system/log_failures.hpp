// What a task group does with a task that ended by an exception, which is a bug: it is logged.
#pragma once

#include <functional>
#include <string>
#include <utility>

#include "flow/system/log.hpp"
#include "flow/task_group.hpp"

namespace flow {

// `owner` says whose tasks they are ("guest", "delivery of redis stdout"). `then`, if given, is
// called after the message: what a broken owner does to end. `to` outlives the group.
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
