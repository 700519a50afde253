// What the containers have of the host's file systems, held mounted for as long as they live.
//
// Each entry of the share is a file system of its own to the guest (virtiofsd announces them),
// mounted by the kernel when somebody first goes there, and gone with the last mount of it. If that
// were a container's, it would go while the container's last process exits. Under load that was
// seen to end in "kernel BUG: Busy inodes after unmount of virtiofs" (Linux 6.1): the process is
// stuck in its exit, which is never told. And if an entry of several containers were mounted anew
// for each of them, they would not find each other's sockets in it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace agent {

class share_mounts {
 public:
  using container_id = std::uint32_t;

  // `directory` is where the share is mounted.
  explicit share_mounts(std::string directory) : directory_(std::move(directory)) {}

  // Goes to the entries, so that they are mounted here before they are in the container. What is
  // not there is no error: what needs it will say so.
  void hold(container_id id, std::vector<std::string> entries);

  // Unmounts what no other container has, when nothing is under way there any more. No process of
  // the container is left. Without a hold() it does nothing.
  void release(container_id id);

 private:
  void unmount(const std::string& entry) const;

  std::string directory_;
  std::map<container_id, std::vector<std::string>> held_;
  std::map<std::string, std::uint32_t> users_;  // by entry
};

}  // namespace agent
