// The OCI specification of a container (config.json): read on the host, rewritten for the guest.
//
// Paths of the host mean nothing in the guest, and some requests concern only the host's kernel
// (network namespaces by path, security labels, hooks).
#pragma once

#include <boost/json/object.hpp>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "flow/error.hpp"
#include "shim/rootfs/mount.hpp"

namespace shim {

class spec {
 public:
  // errc::invalid_argument if `text` is not a JSON OCI specification with a process and a root.
  static flow::result<spec> parse(const std::string& text);
  static flow::result<spec> load(const std::filesystem::path& bundle);

  // The value of an annotation; empty if there is none.
  std::string annotation(const std::string& name) const;

  // The root file system on the host; a relative path is relative to `bundle`.
  std::filesystem::path root(const std::filesystem::path& bundle) const;

  // The path of the host's network namespace that the container is to join; empty for a new one,
  // nullopt for the host's own.
  std::optional<std::string> network_namespace() const;

  // A namespace of the host: `type` as in the specification ("network").
  struct host_namespace {
    std::string type;
    std::filesystem::path path;
  };

  // The objects of the host that it names and that the guest must be given first.
  struct host_objects {
    std::vector<std::filesystem::path> bind_sources;  // as written, absolute or not
    std::vector<mount_description> disks;             // file systems that the guest mounts itself
    std::vector<host_namespace> namespaces;
  };

  // errc::invalid_argument if a mount is malformed.
  flow::result<host_objects> names_of_host() const;

  // The names of the same objects in the guest, one for each, in the same order. If a
  // namespace is empty, the container gets one of its own.
  struct guest_names {
    std::string root;    // the root file system
    std::string cgroup;  // the container's
    std::vector<std::string> bind_sources = {};
    std::vector<std::string> disks = {};
    std::vector<std::string> namespaces = {};
  };

  // The text for the guest's OCI runtime.
  flow::result<std::string> for_guest(const guest_names& names) const;

 private:
  explicit spec(boost::json::object document) : document_(std::move(document)) {}

  boost::json::object document_;
};

// An OCI process object (of an exec), rewritten for the guest. errc::invalid_argument if it
// is malformed.
flow::result<std::string> process_for_guest(const std::string& text);

}  // namespace shim
