// A root file system that the guest's kernel mounts itself, from images and block devices that it
// is given as disks, instead of one that is mounted here and shared.
//
// containerd's snapshotters describe it as a chain, of which the last mount is the root:
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
  std::string root;                              // where the last of them is in the guest
};

// File systems that the guest's kernel can have on a disk.
bool is_disk_file_system(const std::string& type);

// Whether there is something in `rootfs` that is not to be mounted here.
bool for_guest_to_mount(const std::vector<mount_description>& rootfs);

// What the agent is to do, besides what is in `plan` already, and is added to it. `directory` is
// the container's in the guest, `name` its name, of which serial numbers are made, and `share`
// gives a directory of the host to the guest by virtiofs. errc::invalid_argument, with the reason,
// for what is not supported:
//   - types and transformations other than bind, overlay, erofs, ext2, ext3, ext4, format/, mkdir/;
//   - an upper directory that is not on a disk (overlayfs does not take virtiofs for it);
//   - a target, which is of no use without containerd's mount manager;
//   - anything in {{ }} but mount, source, target and overlay of mounts before.
flow::result<void> plan_guest_mounts(
    guest_mounts& plan, const std::vector<mount_description>& mounts, const std::string& directory,
    const std::string& name,
    const std::function<flow::result<std::string>(const std::string&)>& share);

}  // namespace shim
