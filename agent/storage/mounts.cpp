#include "agent/storage/mounts.hpp"

#include <sys/mount.h>

#include "agent/storage/modules.hpp"
#include "runtime_api/guest/mount_options.hpp"
#include "runtime_api/ttrpc/status.hpp"

namespace agent {

using flow::awaitable;
using flow::error;
using flow::result;
using ttrpc::code;

namespace {

// By its name alone: it has no "..".
bool is_below(const std::string& path, const std::string& directory) {
  return path.starts_with(directory + "/") && path.find("/..") == std::string::npos;
}

}  // namespace

mounts::mounts(const flow::asio::any_io_executor& executor, os& system, flow::log& log)
    : system_(system), log_(log), disks_(executor, system) {}

awaitable<result<void>> mounts::make(std::string directory, mount_list wanted) {
  for (const auto& m : wanted) {
    const auto made = co_await make_one(directory, m);
    if (!made) {
      remove(directory);
      co_return made;
    }
  }
  co_return result<void>();
}

awaitable<result<void>> mounts::make_one(const std::string& directory,
                                         const hvsock::agent::v1::Mount& m) {
  const auto options = flow::parse_mount_options({m.options().begin(), m.options().end()});
  if (options.data.size() >= flow::max_mount_data) {
    co_return error(code::invalid_argument,
                    "mount " + m.target() + ": options are too long for the kernel");
  }
  if (!is_below(m.target(), directory)) {
    co_return error(code::invalid_argument,
                    "mount target " + m.target() + " is not below " + directory);
  }
  for (const auto& d : m.directories()) {
    if (!is_below(d.path(), directory)) {
      co_return error(code::invalid_argument,
                      "directory " + d.path() + " is not below " + directory);
    }
    if (auto made = system_.make_directory(d.path(), d.mode(), d.uid(), d.gid()); !made) {
      co_return made;
    }
  }
  if (auto made = system_.make_directory(m.target()); !made) {
    co_return made;
  }
  std::string source = m.source();
  if (!m.disk().empty()) {
    auto device = co_await disks_.find(m.disk());
    if (!device) {
      co_return std::move(device).error();
    }
    source = std::move(device.value());
  }
  if (auto loaded = load_module_group(system_, m.type()); !loaded) {
    co_return loaded;
  }
  if (auto done = system_.mount(source, m.target(), m.type(), options.flags, options.data); !done) {
    co_return std::move(done).error().in(m.type());
  }
  made_[directory].push_back(m.target());
  // The first mount(2) of a bind mount ignores the other flags.
  const auto rest = options.flags & ~static_cast<unsigned long>(MS_BIND | MS_REC);
  if ((options.flags & MS_BIND) != 0 && rest != 0) {
    co_return system_.mount("", m.target(), "", MS_REMOUNT | MS_BIND | rest, "");
  }
  co_return result<void>();
}

void mounts::remove(const std::string& directory) {
  const auto made = made_.extract(directory);
  if (made.empty()) {
    return;
  }
  const auto& targets = made.mapped();
  for (auto target = targets.rbegin(); target != targets.rend(); ++target) {
    if (const auto removed = system_.unmount(*target); !removed) {
      log_.warning("cannot unmount file system", {{"err", removed.error().message()}});
    }
  }
}

}  // namespace agent
