// The cgroup (v2) of one container, below guest_contract::containers_cgroup.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "flow/error.hpp"

namespace agent {

// Every process of the cgroup and of those below it.
flow::result<std::vector<pid_t>> cgroup_processes(const std::string& directory);

// Sends `signal` to all of them; SIGKILL at once, with none escaping by a fork.
flow::result<void> cgroup_signal(const std::string& directory, int signal);

}  // namespace agent
