// Gives the guest the file systems that containers expect of a Linux machine.
#pragma once

#include "agent/storage/os.hpp"

namespace agent {

// Replaces the initramfs, on which pivot_root(2) does not work, by a root that containers can pivot
// away from, and mounts proc, sys, dev, run and cgroup2. The first step of boot().
flow::result<void> mount_file_systems(os& system);

// Mounts the host's shared directory with virtiofs, whose modules must be loaded.
flow::result<void> mount_share(os& system);

// Creates the cgroup of all containers and enables every controller of the kernel in it. A
// controller that the kernel refuses is left out.
flow::result<void> prepare_cgroups(os& system);

}  // namespace agent
