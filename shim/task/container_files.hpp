// What of the host's file systems and disks was given to the guest for one container, and how it is
// taken away again.
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
  // `number` is the container's in the guest; `in` and `log` outlive the object.
  container_files(std::string id, std::filesystem::path bundle, std::uint32_t number, sandbox& in,
                  flow::log& log);
  container_files(const container_files&) = delete;
  container_files& operator=(const container_files&) = delete;

  // Mounts the root file system at bundle/rootfs and gives it, and what `s` names of the host, to
  // the guest; and opens the images that the guest is to mount itself. `namespaces` are those of
  // the guest for `named.namespaces`. Returns the specification for the guest's OCI runtime. On an
  // error nothing stays mounted.
  flow::result<std::string> prepare(const std::vector<mount_description>& rootfs, const spec& s,
                                    const spec::host_objects& named,
                                    std::vector<std::string> namespaces);

  // Plugs the images into the machine as disks.
  flow::awaitable<flow::result<void>> attach_disks();

  bool has_disks() const noexcept { return !guest_mounts_.disks.empty(); }

  // What the agent is to mount, and what it is to hold mounted.
  void add_to(hvsock::agent::v1::CreateContainerRequest& request) const;

  // An error of the guest, with the paths of the host for those of the guest.
  flow::error with_host_paths(const flow::error& e) const;

  // Takes all of it away. The guest has unmounted its disks, or is gone.
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
  std::string name_;  // in the guest
  sandbox& sandbox_;
  flow::log& log_;
  std::map<std::string, std::filesystem::path> shared_;  // entries of the share, and their sources
  guest_mounts guest_mounts_;
  std::vector<disk> disks_;  // opened, not plugged in yet
};

}  // namespace shim
