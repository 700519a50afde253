#include "shim/rootfs/share.hpp"

#include <sys/mount.h>

#include <vector>

#include "shim/rootfs/mount.hpp"

namespace shim {

using flow::result;
using flow::system_error;
using std::filesystem::path;

namespace {

// A directory for each container, and in it what its file systems are mounted on: see
// task/container.cpp.
constexpr int depth_of_entries = 2;

// What we made, never what is mounted on it: that would be a user's files. So nothing is emptied
// that is as deep as a mount point, even if the mounts could not be taken away. A link, should
// there be one, is removed and not followed.
void remove_own_entries(const path& directory, int depth) {
  std::error_code ec;
  std::vector<path> entries;
  for (std::filesystem::directory_iterator i(directory, ec), end; !ec && i != end;
       i.increment(ec)) {
    entries.push_back(i->path());
  }
  for (const auto& entry : entries) {
    if (depth > 1 && std::filesystem::symlink_status(entry, ec).type() ==
                         std::filesystem::file_type::directory) {
      remove_own_entries(entry, depth - 1);
    }
    std::filesystem::remove(entry, ec);
  }
  std::filesystem::remove(directory, ec);
}

}  // namespace

share::share(const path& directory) : entries_(directory / "entries"), view_(directory / "share") {}

result<void> share::make() {
  // What a shim that was killed has left.
  remove();
  for (const auto& one : {entries_, view_}) {
    std::error_code ec;
    std::filesystem::create_directory(one, ec);
    if (ec) {
      return flow::error(ec, "create " + one.string());
    }
  }
  if (auto bound = bind_mount(entries_, entries_); !bound) {
    return bound;
  }
  // Shared: what is mounted in the one later appears in the other.
  if (::mount("", entries_.c_str(), "", MS_SHARED, "") != 0) {
    return system_error("share mounts of " + entries_.string());
  }
  if (auto bound = bind_mount(entries_, view_); !bound) {
    return bound;
  }
  if (::mount("", view_.c_str(), "", MS_REMOUNT | MS_BIND | MS_RDONLY, "") != 0) {
    return system_error("make read-only: " + view_.string());
  }
  return {};
}

void share::remove() {
  for (const auto& one : {view_, entries_}) {
    unmount_below(one);
  }
  for (const auto& one : {view_, entries_}) {
    if (mount_points_below(one).empty()) {
      remove_own_entries(one, depth_of_entries);
    }
  }
}

}  // namespace shim
