// A root file system that the guest's kernel mounts itself, from images and block devices attached
// as disks, instead of one that is mounted on the host and shared.
//
// containerd's snapshotters describe it as a chain; the last mount is the root:
//
//   {"erofs", "/layers/1.erofs", {"ro", "loop"}}
//   {"ext4", "/snapshots/7/rwlayer.img", {"rw", "loop"}}
//   {"format/mkdir/overlay", "overlay", {"lowerdir={{ mount 0 }}", "upperdir={{ mount 1 }}/upper",
//                                        "X-containerd.mkdir.path={{ mount 1 }}/upper:0755", ...}}
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "flow/error.hpp"
#include "hvsock/agent/v1/agent.pb.h"
#include "shim/rootfs/mount.hpp"

namespace shim {

// A file or block device of the host that becomes a disk.
struct disk_source {
  std::string serial;
  std::string path;
  bool read_only;
};

struct guest_mounts {
  std::vector<disk_source> disks;                // at most one for each mount
  std::vector<hvsock::agent::v1::Mount> mounts;  // in order
  std::string root;                              // mount point of the last one, in the guest
};

// Whether the guest's kernel can mount this file system from a disk.
bool is_disk_file_system(const std::string& type);

// Whether `rootfs` contains a mount that the guest must make.
bool for_guest_to_mount(const std::vector<mount_description>& rootfs);

// Adds to `plan` what the agent must do to make `mounts`. `directory` is the container's directory
// in the guest, `name` its name, from which serial numbers are derived, and `share` shares a
// directory of the host with the guest through virtiofs. errc::invalid_argument, with the reason,
// for anything unsupported:
//   - types and transformations other than bind, overlay, erofs, ext2, ext3, ext4, format/, mkdir/;
//   - an upper directory that is not on a disk (overlayfs does not accept virtiofs there);
//   - a target, which is useless without containerd's mount manager;
//   - anything in {{ }} other than mount, source, target and overlay of previous mounts.
flow::result<void> plan_guest_mounts(
    guest_mounts& plan, const std::vector<mount_description>& mounts, const std::string& directory,
    const std::string& name,
    const std::function<flow::result<std::string>(const std::string&)>& share);

}  // namespace shim
