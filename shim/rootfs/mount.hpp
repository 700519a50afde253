// Mounts on the host, as containerd's snapshotters describe them.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "flow/error.hpp"

namespace shim {

// One of CreateTaskRequest.rootfs: {"overlay", "overlay", {"lowerdir=...", "upperdir=..."}}.
struct mount_description {
  std::string type;
  std::string source;
  std::vector<std::string> options;
  std::string target = {};  // relative to the mount point; empty: the mount point itself
};

// Mounts on `target`, which must exist. If an overlay's layer names together are too long for the
// kernel, they are given relative to their common directory; meanwhile the process's working
// directory is changed.
flow::result<void> mount_on(const mount_description& m, const std::filesystem::path& target);

// Makes `source` (a directory or a file) and everything mounted below it visible at `target`, which
// must exist and be of the same kind.
flow::result<void> bind_mount(const std::filesystem::path& source,
                              const std::filesystem::path& target);

// Detaches everything that is mounted at `directory` and below, last first, even if it is in use.
// It is not an error if nothing is mounted.
void unmount_below(const std::filesystem::path& directory);

// Mount points at `directory` and below, in the order they were made.
std::vector<std::string> mount_points_below(const std::filesystem::path& directory);

// Mounts below `directory`, but not at it: their relative paths and sources, as the kernel names
// them (device and directory of the file system).
std::map<std::string, std::string> mounted_below(const std::filesystem::path& directory);

}  // namespace shim
