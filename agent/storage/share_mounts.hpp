// Keeps the host's file systems that containers use mounted as long as the containers exist.
//
// Each entry of the share is a file system of its own to the guest (virtiofsd announces them). The
// kernel mounts it when a path into it is first resolved, and unmounts it with the last mount
// namespace that has it. If that were a container's, it would be unmounted while the container's
// last process exits. Under load that has ended in "kernel BUG: Busy inodes after unmount of
// virtiofs" (Linux 6.1): the process is stuck in its exit, which is never reported. And if an entry
// that several containers use were mounted separately for each of them, they would not find each
// other's sockets in it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "agent/ids.hpp"

namespace agent {

class share_mounts {
 public:
  // `directory` is where the share is mounted.
  explicit share_mounts(std::string directory) : directory_(std::move(directory)) {}

  // Opens the entries, so that they are mounted here before they are in the container. A missing
  // entry is not an error: the mount that needs it fails.
  void hold(container_id id, std::vector<std::string> entries);

  // Unmounts the entries that no other container uses, once virtiofsd has answered what was
  // requested before. The container must have no process left. Does nothing without a hold().
  void release(container_id id);

 private:
  void unmount(const std::string& entry) const;

  std::string directory_;
  std::map<container_id, std::vector<std::string>> held_;
  std::map<std::string, std::uint32_t> users_;  // by entry
};

}  // namespace agent
