// Mounts as containerd's snapshotters describe them, made on the host.
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
  std::string target = {};  // below where it is mounted; empty: there
};

// Mounts on `target`, which exists. Layers of an overlay whose names together are too long for the
// kernel are named relative to their common directory; during that the working directory of the
// process is another.
flow::result<void> mount_on(const mount_description& m, const std::filesystem::path& target);

// Makes `source` (a directory or a file) visible at `target` too, with everything mounted below it.
// `target` exists and is of the same kind.
flow::result<void> bind_mount(const std::filesystem::path& source,
                              const std::filesystem::path& target);

// Takes away whatever is mounted at `directory` and below, last first, whether it is in use or not.
// Nothing mounted is no error.
void unmount_below(const std::filesystem::path& directory);

// Mount points at `directory` and below, in the order they were made.
std::vector<std::string> mount_points_below(const std::filesystem::path& directory);

// What is mounted below `directory`, but not at it: where, relative to it, and what, as the kernel
// names it (device and directory of the file system).
std::map<std::string, std::string> mounted_below(const std::filesystem::path& directory);

}  // namespace shim
