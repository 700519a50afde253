// Everything a test could leave on the machine: processes, mounts, sockets, FIFOs,
// directories, cgroups.
#pragma once

#include <set>
#include <string>

namespace e2e {

// One line for each item, for comparison. `containerd_directory` is the private containerd's; only
// processes that it started are included.
std::set<std::string> machine_state(const std::string& containerd_directory);

// The processes among them: "containerd-shim-hvsock-v2 4711".
std::set<std::string> shim_processes(const std::string& containerd_directory);

// Pids of the processes of one program that the private containerd's shims have started.
std::set<int> pids_of(const std::string& program, const std::string& containerd_directory);

}  // namespace e2e
