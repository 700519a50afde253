// The process on the host that stands for a process in the guest.
//
// containerd and its clients take a task's pid for a process of the host: they look at /proc/PID,
// ask with kill(pid, 0) whether it lives, and take a pid that vanished for an exit. So every
// process of a guest has one: it does nothing but exist, from creation until its exit is told, and
// dies with the shim.
#pragma once

#include <sys/types.h>

#include <memory>

#include "flow/error.hpp"

namespace shim {

class host_process {
 public:
  static flow::result<std::unique_ptr<host_process>> start();
  explicit host_process(pid_t pid) : pid_(pid) {}
  host_process(const host_process&) = delete;
  host_process& operator=(const host_process&) = delete;

  // Afterwards kill(pid, 0) is ESRCH.
  ~host_process();

  pid_t pid() const noexcept { return pid_; }

 private:
  pid_t pid_;
};

}  // namespace shim
