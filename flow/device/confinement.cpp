#include "flow/device/confinement.hpp"

#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <limits>
#include <vector>

#include "flow/device/limits.hpp"
#include "flow/unique_fd.hpp"

namespace flow::device {
namespace {

constexpr unsigned restrictions =
    MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;

// Both mounts are detached: they are nowhere in the file system.
result<unique_fd> view_of_current_directory() {
  unique_fd view(::open_tree(AT_FDCWD, ".", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
  mount_attr attributes{};
  attributes.attr_set = restrictions;
  if (!view ||
      ::mount_setattr(view.get(), "", AT_EMPTY_PATH, &attributes, sizeof attributes) != 0) {
    return system_error("make a view of the directory");
  }
  return view;
}

result<unique_fd> empty_root() {
  const unique_fd context(::fsopen("tmpfs", FSOPEN_CLOEXEC));
  if (!context || ::fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0) {
    return system_error("make an empty file system");
  }
  unique_fd empty(::fsmount(context.get(), FSMOUNT_CLOEXEC, restrictions));
  if (!empty) {
    return system_error("mount an empty file system");
  }
  return empty;
}

bool unshare_namespaces() {
  constexpr int wanted = CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC;
  return ::unshare(wanted) == 0 || (errno == EPERM && ::unshare(CLONE_NEWUSER | wanted) == 0);
}

result<> leave_file_system_and_network(connector_kind kind) {
  if (!unshare_namespaces()) {
    return system_error("unshare");
  }
  const auto root = kind == connector_kind::hybrid ? view_of_current_directory() : empty_root();
  if (!root) {
    return root.error();
  }
  if (::fchdir(root->get()) != 0 || ::chroot(".") != 0) {
    return system_error("change root");
  }
  return {};
}

result<> drop_privileges() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> none{};
  if (::syscall(SYS_capset, &header, none.data()) != 0) {
    return system_error("drop capabilities");
  }
  const rlimit no_core{0, 0};
  if (::setrlimit(RLIMIT_CORE, &no_core) != 0 || ::prctl(PR_SET_DUMPABLE, 0) != 0) {
    return system_error("forbid core dumps");
  }
  // Must be last: a change of credentials would undo it.
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) {
    return system_error("set parent death signal");
  }
  return {};
}

}  // namespace

result<> close_other_descriptors(std::span<const int> keep) {
  std::vector<int> kept(keep.begin(), keep.end());
  std::sort(kept.begin(), kept.end());
  unsigned first = STDERR_FILENO + 1;
  for (const int fd : kept) {
    if (fd < 0) {
      continue;
    }
    const auto last = static_cast<unsigned>(fd);
    if (last > first && ::close_range(first, last - 1, 0) != 0) {
      return system_error("close inherited descriptors");
    }
    first = std::max(first, last + 1);
  }
  if (::close_range(first, std::numeric_limits<unsigned>::max(), 0) != 0) {
    return system_error("close inherited descriptors");
  }
  return {};
}

result<std::size_t> reserve_descriptors() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) {
    return system_error("read descriptor limit");
  }
  limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, max_connections + other_descriptors);
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) {
    return system_error("set descriptor limit");
  }
  if (limit.rlim_cur <= other_descriptors) {
    return error(errc::unavailable, "too few descriptors allowed");
  }
  return limit.rlim_cur - other_descriptors;
}

result<> confine(connector_kind kind, log& log) {
  // The C library reads the time zone file when it first formats a time, even in UTC.
  ::tzset();
  if (auto left = leave_file_system_and_network(kind); !left) {
    log.warning("not isolated by namespaces, only by the system call filter",
                {{"err", left.error().message()}});
  }
  if (auto dropped = drop_privileges(); !dropped) {
    return dropped;
  }
  return install_syscall_filter(kind);
}

}  // namespace flow::device
