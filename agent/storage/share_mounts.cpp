#include "agent/storage/share_mounts.hpp"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/vfs.h>

#include <utility>

#include "agent/limits.hpp"
#include "flow/unique_fd.hpp"

namespace agent {

void share_mounts::hold(container_id id, std::vector<std::string> entries) {
  for (const auto& entry : entries) {
    ++users_[entry];
    // A file is not a mount of its own; this fails for it.
    const std::string path = directory_ + "/" + entry;
    const flow::unique_fd visit(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }
  held_[id] = std::move(entries);
}

void share_mounts::release(container_id id) {
  const auto held = held_.extract(id);
  if (held.empty()) {
    return;
  }
  for (const auto& entry : held.mapped()) {
    const auto users = users_.find(entry);
    if (--users->second == 0) {
      users_.erase(users);
      unmount(entry);
    }
  }
}

void share_mounts::unmount(const std::string& entry) const {
  const std::string path = directory_ + "/" + entry;
  for (int i = 0; i < limits::requests_before_unmount; ++i) {
    struct statfs answer{};
    ::statfs(path.c_str(), &answer);
  }
  ::umount2(path.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW);
}

}  // namespace agent
