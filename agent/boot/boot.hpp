// From the kernel's first program to a machine that can run containers.
#pragma once

#include "agent/boot/command_line.hpp"
#include "agent/storage/os.hpp"

namespace agent {

// Mounts, modules, shared directory, cgroups; returns the parameters of the kernel command line. If
// they ask only for a probe, nothing but the first mounts is done.
flow::result<command_line> boot(os& system);

}  // namespace agent
