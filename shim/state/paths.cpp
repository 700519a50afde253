#include "shim/state/paths.hpp"

#include "flow/system/file.hpp"
#include "shim/oci/spec.hpp"
#include "shim/support/digest.hpp"

namespace shim {
namespace {

const std::filesystem::path default_socket_directory = "/run/containerd/s";

// Go's filepath.Join(address, namespace, group): containerd hashes this path.
std::string digest(const options& o, const std::string& group) {
  const auto joined = std::filesystem::path(o.address + "/" + o.containerd_namespace + "/" + group);
  return sha256_hex(joined.lexically_normal().string());
}

}  // namespace

std::string group_of(const std::filesystem::path& bundle, const std::string& id) {
  const auto s = spec::load(bundle);
  if (!s) {
    return id;
  }
  for (const char* name : {"io.containerd.runc.v2.group", "io.kubernetes.cri.sandbox-id"}) {
    if (auto group = s.value().annotation(name); !group.empty()) {
      return group;
    }
  }
  return id;
}

std::filesystem::path socket_path(const std::filesystem::path& directory, const options& o,
                                  const std::string& group) {
  const auto parent = directory.empty() ? default_socket_directory : directory;
  return parent / digest(o, group);
}

std::filesystem::path kept_socket_path(const std::filesystem::path& bundle) {
  const auto address = flow::read_file(bundle / "address");
  constexpr std::string_view scheme = "unix://";
  if (!address || !address.value().starts_with(scheme)) {
    return {};
  }
  return address.value().substr(scheme.size());
}

std::filesystem::path sandbox_directory(const config& c, const options& o,
                                        const std::string& group) {
  constexpr std::size_t enough = 16;
  return c.state_directory / digest(o, group).substr(0, enough);
}

}  // namespace shim
