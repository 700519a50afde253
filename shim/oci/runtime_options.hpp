// What the client of containerd gave along for the runtime: an Any, on the stdin of `start` and in
// Create.
#pragma once

#include <filesystem>
#include <string>

#include "flow/error.hpp"
#include "google/protobuf/any.pb.h"

namespace shim {

// From runtimeoptions.v1.Options (ctr --runtime-config-path, CRI's [...options]) the configuration,
// from containerd.runc.v1.Options the shim's cgroup. What else runc's options hold has no meaning
// here: io_uid and io_gid own runc's pipes, and ours are the guest's, where crun gives them to the
// process's user.
struct runtime_options {
  // Configuration to read instead of the default file; empty if none is named.
  std::filesystem::path config_path;
  std::string config_body;  // the configuration itself, TOML; only without a path
  std::string shim_cgroup;  // the shim and its children are to be in this cgroup
};

// Options of other runtimes are ignored; errc::invalid_argument for these in a wrong form.
flow::result<runtime_options> parse_runtime_options(const google::protobuf::Any& any);

// Keeps the name of the configuration in the bundle, where the shim itself and `delete`, which are
// given no options, find it; one that came inline is written there, too. Returns the name, empty if
// there is no configuration.
flow::result<std::filesystem::path> keep_config(const std::filesystem::path& bundle,
                                                const runtime_options& options);
std::filesystem::path kept_config_path(const std::filesystem::path& bundle);

}  // namespace shim
