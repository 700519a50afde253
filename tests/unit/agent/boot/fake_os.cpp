#include "tests/unit/agent/boot/fake_os.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

namespace tests {

using flow::errc;
using flow::error;
using flow::result;

result<void> fake_os::note(std::string operation) {
  done.push_back(std::move(operation));
  if (done.size() == fail_at) {
    return error(errc::unavailable, "broken: " + done.back());
  }
  return {};
}

bool fake_os::did(const std::string& operation) const {
  return std::find(done.begin(), done.end(), operation) != done.end();
}

result<void> fake_os::mount(const std::string& source, const std::string& target,
                            const std::string& type, unsigned long flags, const std::string& data) {
  last_mount_flags = flags;
  last_mount_data = data;
  return note("mount " + source + " on " + target + (type.empty() ? "" : " as " + type));
}

result<void> fake_os::unmount(const std::string& target) {
  return note("unmount " + target);
}

result<void> fake_os::make_directory(const std::string& path, std::uint32_t mode, std::uint32_t uid,
                                     std::uint32_t gid) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), " %o %u:%u", mode, uid, gid);
  return note("mkdir " + path + text.data());
}

result<void> fake_os::make_directory(const std::string& path) {
  return note("mkdir " + path);
}

result<void> fake_os::change_directory(const std::string& path) {
  return note("chdir " + path);
}

result<void> fake_os::change_root(const std::string& path) {
  return note("chroot " + path);
}

result<void> fake_os::write_file(const std::string& path, std::string_view text) {
  return note("write " + std::string(text) + " to " + path);
}

result<std::string> fake_os::read_file(const std::string& path) {
  if (auto noted = note("read " + path); !noted) {
    return std::move(noted).error();
  }
  const auto found = files.find(path);
  if (found == files.end()) {
    return error(errc::unavailable, "no file " + path);
  }
  return found->second;
}

result<void> fake_os::load_module(const std::string& path) {
  return note("load " + path);
}

result<void> fake_os::bring_up(const std::string& interface) {
  return note("bring up " + interface);
}

result<std::vector<std::string>> fake_os::list_directory(const std::string& path) {
  if (auto noted = note("list " + path); !noted) {
    return std::move(noted).error();
  }
  const auto found = directories.find(path);
  if (found == directories.end()) {
    return error(errc::unavailable, "no directory " + path);
  }
  return found->second;
}

void make_bootable(fake_os& system, const std::string& parameters) {
  system.files["/proc/cmdline"] = parameters;
  system.files["/sys/fs/cgroup/cgroup.controllers"] = "cpu memory pids\n";
  system.directories["/usr/lib/hvsock/modules"] = {"00-virtio.ko", "01-vsock.ko"};
}

}  // namespace tests
