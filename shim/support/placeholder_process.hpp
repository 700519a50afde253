// The process on the host that represents a process in the guest.
//
// containerd and its clients take a task's pid for a process on the host: they look at /proc/PID,
// check with kill(pid, 0) whether it is alive, and take a missing pid for an exit. So every process
// of a guest has a placeholder, which does nothing, from its creation until its exit is published,
// and which dies with the shim. Network plugins take its /proc/PID/ns/net for the container's
// network, so it is never in the host's network unless the container is to be.
#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>

#include "flow/error.hpp"

namespace shim {

class placeholder_process {
 public:
  // `network` is the path of the network namespace to join; empty: a new one; nullopt: the shim's
  // own. errc::invalid_argument if there is none at the path.
  static flow::result<std::unique_ptr<placeholder_process>> start(
      const std::optional<std::string>& network = {});
  explicit placeholder_process(pid_t pid) : pid_(pid) {}
  placeholder_process(const placeholder_process&) = delete;
  placeholder_process& operator=(const placeholder_process&) = delete;

  // Kills and reaps it; afterwards kill(pid, 0) fails with ESRCH.
  ~placeholder_process();

  pid_t pid() const noexcept { return pid_; }

  // The path of its network namespace.
  std::string network() const { return "/proc/" + std::to_string(pid_) + "/ns/net"; }

 private:
  pid_t pid_;
};

}  // namespace shim
