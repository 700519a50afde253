// The process on the host that stands for a process in the guest.
//
// containerd and its clients take a task's pid for a process of the host: they look at /proc/PID,
// ask with kill(pid, 0) whether it lives, and take a pid that vanished for an exit. So every
// process of a guest has one: it does nothing but exist, from creation until its exit is told, and
// dies with the shim. Network plugins take its /proc/PID/ns/net for the container's network, so it
// is never in the host's unless the container is to be.
#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>

#include "flow/error.hpp"

namespace shim {

class placeholder_process {
 public:
  // `network` is the path of the network namespace it is to be in; empty: a new one; nothing: ours.
  // An error with code invalid_argument if there is none at the path.
  static flow::result<std::unique_ptr<placeholder_process>> start(
      const std::optional<std::string>& network = {});
  explicit placeholder_process(pid_t pid) : pid_(pid) {}
  placeholder_process(const placeholder_process&) = delete;
  placeholder_process& operator=(const placeholder_process&) = delete;

  // Afterwards kill(pid, 0) is ESRCH.
  ~placeholder_process();

  pid_t pid() const noexcept { return pid_; }

  // Of the network namespace it is in.
  std::string network() const { return "/proc/" + std::to_string(pid_) + "/ns/net"; }

 private:
  pid_t pid_;
};

}  // namespace shim
