#include "shim/rootfs/share.hpp"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <vector>

#include "flow/unique_fd.hpp"
#include "shim/rootfs/mount.hpp"

namespace shim {

using flow::result;
using flow::system_error;
using std::filesystem::path;

namespace {

// Removes only what the shim created, never what is mounted on it, which would be a user's files.
// Therefore no entry is emptied, even if it could not be unmounted. A link, if there is one, is
// removed and not followed.
void remove_own_entries(const path& directory) {
  std::error_code ec;
  std::vector<path> entries;
  for (std::filesystem::directory_iterator i(directory, ec), end; !ec && i != end;
       i.increment(ec)) {
    entries.push_back(i->path());
  }
  for (const auto& entry : entries) {
    std::filesystem::remove(entry, ec);
  }
  std::filesystem::remove(directory, ec);
}

// Identifies the mount that `source` is on, and the file in it. A mount of overlayfs or btrfs has
// files of several devices, each of which numbers its files independently. Empty if the kernel does
// not report it.
std::string identity_of(const path& source) {
  struct statx is{};
  if (::statx(AT_FDCWD, source.c_str(), 0, STATX_INO | STATX_MNT_ID, &is) != 0 ||
      (is.stx_mask & STATX_MNT_ID) == 0) {
    return {};
  }
  return std::to_string(is.stx_mnt_id) + " " + std::to_string(is.stx_dev_major) + ":" +
         std::to_string(is.stx_dev_minor) + " " + std::to_string(is.stx_ino);
}

result<void> make_mount_point(const path& target, bool directory) {
  if (directory) {
    std::error_code ec;
    std::filesystem::create_directory(target, ec);
    return ec ? flow::error(ec, "create " + target.string()) : result<void>();
  }
  const flow::unique_fd file(::open(target.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  return file ? result<void>() : system_error("create " + target.string());
}

}  // namespace

share::share(const path& directory) : entries_(directory / "entries"), view_(directory / "share") {}

result<void> share::make() {
  // Removes the leftovers of a shim that was killed.
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
  // Shared propagation: later mounts in one tree appear in the other.
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

result<std::string> share::add(const path& source) {
  std::error_code ec;
  const path real = std::filesystem::canonical(source, ec);
  if (ec) {
    return flow::error(ec, source.string());
  }
  auto identity = identity_of(real);
  for (auto& [name, known] : added_) {
    // Later mounts below the source may not have propagated to the entry.
    if (!identity.empty() && known.source == identity &&
        mounted_below(entries_ / name) == mounted_below(real)) {
      ++known.users;
      return name;
    }
  }
  return add_entry(real, std::move(identity));
}

result<std::string> share::add_entry(const path& source, std::string identity) {
  auto name = std::to_string(next_);
  const path target = entries_ / name;
  std::error_code ec;
  if (auto made = make_mount_point(target, std::filesystem::is_directory(source, ec)); !made) {
    return std::move(made).error();
  }
  ++next_;
  if (auto bound = bind_mount(source, target); !bound) {
    std::filesystem::remove(target, ec);
    return std::move(bound).error();
  }
  added_[name] = {std::move(identity), 1};
  return name;
}

result<void> share::release(const std::string& name) {
  const auto found = added_.find(name);
  if (found == added_.end() || --found->second.users > 0) {
    return {};
  }
  added_.erase(found);
  const path target = entries_ / name;
  unmount_below(target);
  // Only what the shim created, and only if nothing is mounted on it any more: a bind-mounted
  // directory of a user must never be emptied.
  if (!mount_points_below(target).empty()) {
    return flow::error(flow::errc::unavailable, target.string() + " is still mounted");
  }
  std::error_code ec;
  std::filesystem::remove(target, ec);
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
