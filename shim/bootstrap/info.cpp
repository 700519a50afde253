#include "shim/bootstrap/info.hpp"

#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <string_view>

namespace shim {
namespace {

constexpr const char* features_type =
    "types.containerd.io/opencontainers/runtime-spec/1/features/Features";

// The kinds of mounts that containerd may pass to Create as they are, instead of activating them on
// the host: names of its mount manager, separated by commas. See rootfs/guest_mounts.hpp.
constexpr std::string_view allowed_mounts = "mkdir/*,format/*,erofs,ext4";

// The features of the guest's OCI runtime, as far as containerd asks for them.
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

containerd::types::RuntimeInfo runtime_info(const std::string& input, const config& c) {
  containerd::types::RuntimeInfo info;
  info.set_name("io.containerd.hvsock.v2");
  info.mutable_version()->set_version(HVSOCK_VERSION);
  info.mutable_features()->set_type_url(features_type);
  info.mutable_features()->set_value(features());
  if (c.mount_in_guest) {
    (*info.mutable_annotations())["containerd.io/runtime-allow-mounts"] = allowed_mounts;
  }
  if (google::protobuf::Any options; !input.empty() && options.ParseFromString(input)) {
    *info.mutable_options() = options;
  }
  return info;
}

}  // namespace shim
