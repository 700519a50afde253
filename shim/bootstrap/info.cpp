#include "shim/bootstrap/info.hpp"

#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

namespace shim {
namespace {

constexpr const char* features_type =
    "types.containerd.io/opencontainers/runtime-spec/1/features/Features";

// What the guest's OCI runtime supports of what containerd asks about.
std::string features() {
  const boost::json::value value = {
      {"ociVersionMin", "1.0.0"},
      {"ociVersionMax", "1.0.2"},
      {"mountOptions",
       {"bind", "nodev", "noexec", "nosuid", "private", "rbind", "ro", "rprivate", "rro", "rshared",
        "rslave", "rw", "shared", "slave"}},
      {"linux", {{"cgroup", {{"v2", true}}}, {"seccomp", {{"enabled", true}}}}},
  };
  return boost::json::serialize(value);
}

}  // namespace

containerd::types::RuntimeInfo runtime_info() {
  containerd::types::RuntimeInfo info;
  info.set_name("io.containerd.hvsock.v2");
  info.mutable_version()->set_version(HVSOCK_VERSION);
  info.mutable_features()->set_type_url(features_type);
  info.mutable_features()->set_value(features());
  return info;
}

}  // namespace shim
