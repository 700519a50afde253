// What the kernel counts for a container, read from its cgroup (v2).
#pragma once

#include <cstdint>
#include <string>

#include "flow/error.hpp"
#include "io/containerd/cgroups/v2/metrics.pb.h"

namespace agent {

// An error if the cgroup does not exist. What the kernel or the cgroup's controllers do not count is
// zero; a limit that is not set is the largest number.
flow::result<::io::containerd::cgroups::v2::Metrics> read_metrics(const std::string& cgroup);

// How many processes of the cgroup the kernel has killed because memory was short; 0 if it does not
// count them.
std::uint64_t oom_kills(const std::string& cgroup);

}  // namespace agent
