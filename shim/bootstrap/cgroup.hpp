// The cgroup that a client wants the shim to be in (shim_cgroup of runc's options).
#pragma once

#include <string>

#include "flow/error.hpp"

namespace shim {

// Moves this process, and so what it starts from here on, into `cgroup`, a path below the cgroup
// file system: in version 2, and in every hierarchy of version 1 that has it.
// errc::invalid_argument if none has: the client makes it. `mounts` is for tests.
flow::result<void> join_cgroup(const std::string& cgroup,
                               const std::string& mounts = "/proc/self/mounts");

}  // namespace shim
