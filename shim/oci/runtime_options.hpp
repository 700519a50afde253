// The options that containerd's client gives for the runtime: an Any, on the stdin of `start` and
// in Create.
#pragma once

#include <filesystem>
#include <string>

#include "flow/error.hpp"
#include "google/protobuf/any.pb.h"

namespace shim {

// The configuration, from runtimeoptions.v1.Options (ctr --runtime-config-path, CRI's
// [...options]), and the shim's cgroup, from containerd.runc.v1.Options. Runc's other options have
// no meaning for this shim: io_uid and io_gid set the owner of runc's pipes, but our pipes are in
// the guest, where crun gives them to the process's user.
struct runtime_options {
  // Configuration to read instead of the default file; empty if none is given.
  std::filesystem::path config_path;
  std::string config_body;  // the configuration itself, TOML; only without a path
  std::string shim_cgroup;  // the cgroup for the shim and its children
};

// Ignores options of other runtimes; errc::invalid_argument if the above are malformed.
flow::result<runtime_options> parse_runtime_options(const google::protobuf::Any& any);

// Records the path of the configuration in the bundle for the shim itself and `delete`, which
// receive no options, and writes an inline configuration there, too. Returns the path; empty if
// there is no configuration.
flow::result<std::filesystem::path> keep_config(const std::filesystem::path& bundle,
                                                const runtime_options& options);
std::filesystem::path kept_config_path(const std::filesystem::path& bundle);

}  // namespace shim
