// The OCI specification of a container (config.json): read on the host, rewritten for the guest.
//
// Paths of the host mean nothing in the guest, and what the host's kernel is asked to do for a
// container (network namespaces by path, security labels, hooks) is not the guest kernel's
// business.
#pragma once

#include <boost/json/object.hpp>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "flow/error.hpp"
#include "shim/rootfs/mount.hpp"

namespace shim {

class spec {
 public:
  // errc::invalid_argument if `text` is not JSON of an OCI specification with a process and a root.
  static flow::result<spec> parse(const std::string& text);
  static flow::result<spec> load(const std::filesystem::path& bundle);

  // The value of an annotation; empty if there is none.
  std::string annotation(const std::string& name) const;

  // The root file system on the host; relative names are relative to `bundle`.
  std::filesystem::path root(const std::filesystem::path& bundle) const;

  // The network namespace of the host that the container is to be in: its path, empty for a new
  // one, nothing for the host's own.
  std::optional<std::string> network_namespace() const;

  // Gives a file or directory of the host to the guest; returns its name there.
  using share_function = std::function<flow::result<std::string>(const std::filesystem::path&)>;

  // Has the guest mount a file system that is on a disk of the host; returns where it is there.
  using mount_function = std::function<flow::result<std::string>(const mount_description&)>;

  // The guest's namespace that is meant by one of the host's: `type` as in the specification
  // ("network"), `path` on the host. Empty: there is none, the container gets one of its own.
  using namespace_function =
      std::function<std::string(const std::string& type, const std::filesystem::path& path)>;

  // The text for the guest's OCI runtime. `root` is the root file system's name in the guest,
  // `cgroup` the container's cgroup there. `share` is asked for every bind mount's source, `mount`
  // for every mount of a file system that is on a disk, and `in_guest` for every namespace by path.
  flow::result<std::string> for_guest(const std::string& root, const std::string& cgroup,
                                      const share_function& share, const mount_function& mount,
                                      const namespace_function& in_guest) const;

 private:
  explicit spec(boost::json::object document) : document_(std::move(document)) {}

  boost::json::object document_;
};

// An OCI process object (of an exec), rewritten for the guest. errc::invalid_argument if it is
// none.
flow::result<std::string> process_for_guest(const std::string& text);

// An OCI linux.resources object (of an update), for the guest. errc::invalid_argument if it is
// none.
flow::result<std::string> resources_for_guest(const std::string& text);

}  // namespace shim
