// Joins the cgroup that the client chose for the shim (shim_cgroup in runc's options).
#pragma once

#include <string>

#include "flow/error.hpp"

namespace shim {

// Moves this process, and so every child that it starts later, into `cgroup`, a path below the
// cgroup file system: in version 2, and in every version 1 hierarchy that has it.
// errc::invalid_argument if none has it: creating it is up to the client. `mounts` is for tests.
flow::result<void> join_cgroup(const std::string& cgroup,
                               const std::string& mounts = "/proc/self/mounts");

}  // namespace shim
