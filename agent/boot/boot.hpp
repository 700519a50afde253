// From the kernel's first program to a machine that can run containers.
#pragma once

#include "agent/boot/command_line.hpp"
#include "agent/storage/os.hpp"

namespace agent {

// Mounts, modules, shared directory, cgroups; returns what the host says on the kernel command
// line. Everything but the command line is left out where that asks only for a probe.
flow::result<command_line> boot(os& system);

}  // namespace agent
