#include "agent/boot/file_systems.hpp"

#include <sys/mount.h>

#include <array>

#include "runtime_api/guest/contract.hpp"

namespace agent {
namespace {

struct mount_entry {
  const char* type;
  const char* target;
  unsigned long flags;
  const char* data;
};

constexpr unsigned long no_programs = MS_NOSUID | MS_NODEV | MS_NOEXEC;

constexpr std::array mounts{
    mount_entry{"proc", "/proc", no_programs, ""},
    mount_entry{"sysfs", "/sys", no_programs, ""},
    mount_entry{"devtmpfs", "/dev", MS_NOSUID, "mode=0755"},
    mount_entry{"devpts", "/dev/pts", MS_NOSUID | MS_NOEXEC, "mode=0620,gid=5,ptmxmode=0666"},
    mount_entry{"tmpfs", "/dev/shm", MS_NOSUID | MS_NODEV, "mode=1777"},
    mount_entry{"mqueue", "/dev/mqueue", no_programs, ""},
    mount_entry{"tmpfs", "/run", MS_NOSUID | MS_NODEV, "mode=0755"},
    mount_entry{"cgroup2", "/sys/fs/cgroup", no_programs, ""},
};

// pivot_root(2) refuses a root that is not itself a mount on something, as the initramfs is not. A
// bind mount of the same tree, moved over it, is one; nothing has to be copied. It must lie over
// the old root: a process that enters a container's mount namespace later starts at what is mounted
// on top there.
flow::result<void> leave_initramfs(os& system) {
  const std::string next = "/run";
  if (auto r = system.mount("/", next, "", MS_BIND, ""); !r) {
    return r;
  }
  if (auto r = system.change_directory(next); !r) {
    return r;
  }
  if (auto r = system.mount(".", "/", "", MS_MOVE, ""); !r) {
    return r;
  }
  return system.change_root(".");
}

}  // namespace

flow::result<void> mount_file_systems(os& system) {
  if (auto r = leave_initramfs(system); !r) {
    return std::move(r).error().in("leave initramfs");
  }
  for (const auto& m : mounts) {
    if (auto r = system.make_directory(m.target); !r) {
      return r;
    }
    if (auto r = system.mount(m.type, m.target, m.type, m.flags, m.data); !r) {
      return r;
    }
  }
  return {};
}

flow::result<void> mount_share(os& system) {
  if (auto r = system.make_directory(guest_contract::container_directory); !r) {
    return r;
  }
  if (auto r = system.make_directory(guest_contract::share_directory); !r) {
    return r;
  }
  return system.mount(guest_contract::share_tag, guest_contract::share_directory, "virtiofs",
                      MS_NODEV, "");
}

flow::result<void> prepare_cgroups(os& system) {
  const std::string root = "/sys/fs/cgroup";
  const std::string ours = root + guest_contract::containers_cgroup;
  if (auto r = system.make_directory(ours); !r) {
    return r;
  }
  auto controllers = system.read_file(root + "/cgroup.controllers");
  if (!controllers) {
    return std::move(controllers).error();
  }

  const std::string& names = controllers.value();
  for (std::size_t begin = 0; begin < names.size();) {
    auto end = names.find_first_of(" \n", begin);
    if (end == std::string::npos) {
      end = names.size();
    }
    if (end > begin) {
      // One at a time: if the kernel refuses one, the others are still enabled.
      const auto enable = "+" + names.substr(begin, end - begin);
      for (const auto& directory : {root, ours}) {
        static_cast<void>(system.write_file(directory + "/cgroup.subtree_control", enable));
      }
    }
    begin = end + 1;
  }
  return {};
}

}  // namespace agent
