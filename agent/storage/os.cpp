#include "agent/storage/os.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "flow/system/file.hpp"
#include "flow/unique_fd.hpp"

namespace agent {

using flow::result;
using flow::system_error;
using flow::unique_fd;

result<void> linux_os::mount(const std::string& source, const std::string& target,
                             const std::string& type, unsigned long flags,
                             const std::string& data) {
  if (::mount(source.c_str(), target.c_str(), type.c_str(), flags, data.c_str()) != 0) {
    return system_error("mount " + source + " on " + target);
  }
  return {};
}

result<void> linux_os::make_directory(const std::string& path) {
  if (::mkdir(path.c_str(), 0755) != 0 && errno != EEXIST) {
    return system_error("mkdir " + path);
  }
  return {};
}

result<void> linux_os::unmount(const std::string& target) {
  if (::umount2(target.c_str(), UMOUNT_NOFOLLOW) == 0) {
    return {};
  }
  auto failure = system_error("unmount " + target);
  ::umount2(target.c_str(), UMOUNT_NOFOLLOW | MNT_DETACH);
  return failure;
}

result<void> linux_os::make_directory(const std::string& path, std::uint32_t mode,
                                      std::uint32_t uid, std::uint32_t gid) {
  if (::mkdir(path.c_str(), 0700) != 0) {
    return errno == EEXIST ? result<void>() : system_error("mkdir " + path);
  }
  if (::chmod(path.c_str(), mode) != 0) {
    return system_error("chmod " + path);
  }
  if (::chown(path.c_str(), uid, gid) != 0) {
    return system_error("chown " + path);
  }
  return {};
}

result<void> linux_os::change_directory(const std::string& path) {
  if (::chdir(path.c_str()) != 0) {
    return system_error("chdir " + path);
  }
  return {};
}

result<void> linux_os::change_root(const std::string& path) {
  if (::chroot(path.c_str()) != 0) {
    return system_error("chroot " + path);
  }
  if (::chdir("/") != 0) {
    return system_error("chdir /");
  }
  return {};
}

result<void> linux_os::write_file(const std::string& path, std::string_view text) {
  return flow::write_file(path, text);
}

result<std::string> linux_os::read_file(const std::string& path) {
  return flow::read_file(path);
}

result<void> linux_os::load_module(const std::string& path) {
  const unique_fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) {
    return system_error("open " + path);
  }
  if (::syscall(SYS_finit_module, fd.get(), "", 0) != 0 && errno != EEXIST) {
    return system_error("load module " + path);
  }
  return {};
}

result<void> linux_os::bring_up(const std::string& interface) {
  const unique_fd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  interface.copy(request.ifr_name, sizeof(request.ifr_name) - 1);
  if (!fd || ::ioctl(fd.get(), SIOCGIFFLAGS, &request) != 0) {
    return system_error("interface " + interface);
  }
  request.ifr_flags = static_cast<short>(request.ifr_flags | IFF_UP);
  if (::ioctl(fd.get(), SIOCSIFFLAGS, &request) != 0) {
    return system_error("bring up " + interface);
  }
  return {};
}

result<std::vector<std::string>> linux_os::list_directory(const std::string& path) {
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir(path.c_str()), ::closedir);
  if (!dir) {
    return system_error("open directory " + path);
  }
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(dir.get())) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") {
      names.emplace_back(name);
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace agent
