#include "shim/rootfs/share.hpp"

#include <sys/mount.h>

#include "shim/rootfs/mount.hpp"

namespace shim {

using flow::result;
using flow::system_error;
using std::filesystem::path;

namespace {

// What we made, never what is mounted on it: mounts have been taken away before, and what is still
// one is busy. A link, should there be one, is removed and not followed.
void remove_own_entries(const path& directory) {
  std::error_code ec;
  for (const auto& entry : std::filesystem::directory_iterator(directory, ec)) {
    if (entry.symlink_status(ec).type() == std::filesystem::file_type::directory) {
      remove_own_entries(entry.path());
    }
    std::filesystem::remove(entry.path(), ec);
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
      remove_own_entries(one);
    }
  }
}

}  // namespace shim
