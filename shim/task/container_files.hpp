// The host's file systems and disks that the guest was given for one container, and how they are
// removed again.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "flow/system/log.hpp"
#include "shim/oci/spec.hpp"
#include "shim/rootfs/guest_mounts.hpp"
#include "shim/rootfs/mount.hpp"
#include "shim/sandbox/sandbox.hpp"

namespace shim {

class container_files {
 public:
  // `number` is the container's number in the guest; `in` and `log` must outlive the object.
  container_files(std::string id, std::filesystem::path bundle, std::uint32_t number, sandbox& in,
                  flow::log& log);
  container_files(const container_files&) = delete;
  container_files& operator=(const container_files&) = delete;

  // Mounts the root file system at bundle/rootfs, makes it and the host objects of `s` available to
  // the guest, and opens the images that the guest mounts itself. `namespaces` are the guest's
  // counterparts of `named.namespaces`. Returns the specification for the guest's OCI runtime.
  // After an error nothing stays mounted.
  flow::result<std::string> prepare(const std::vector<mount_description>& rootfs, const spec& s,
                                    const spec::host_objects& named,
                                    std::vector<std::string> namespaces);

  // Attaches the images to the machine as disks.
  flow::awaitable<flow::result<void>> attach_disks();

  bool has_disks() const noexcept { return !guest_mounts_.disks.empty(); }

  // Adds the mounts that the agent must make, and the shares that it must keep mounted.
  void add_to(hvsock::agent::v1::CreateContainerRequest& request) const;

  // Replaces the guest's paths in an error of the guest by those of the host.
  flow::error with_host_paths(const flow::error& e) const;

  // Removes all of it. The guest must have unmounted its disks, or have been lost.
  flow::awaitable<void> remove();

 private:
  flow::result<std::string> mount_root(const std::vector<mount_description>& rootfs, const spec& s);
  flow::result<void> share_and_plan(const spec::host_objects& named, spec::guest_names& names);
  flow::result<std::string> plan_in_guest(const std::vector<mount_description>& mounts);
  flow::result<void> open_disks();
  flow::result<std::string> share_path(const std::filesystem::path& source);
  flow::awaitable<void> detach_disks();
  void unmount();

  std::string id_;
  std::filesystem::path bundle_;
  std::string name_;  // the container's, in the guest
  sandbox& sandbox_;
  flow::log& log_;
  std::map<std::string, std::filesystem::path> shared_;  // entries of the share, and their sources
  guest_mounts guest_mounts_;
  std::vector<disk> disks_;  // opened, not attached yet
};

}  // namespace shim
