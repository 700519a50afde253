// What the client of containerd gave along for the runtime: `start` finds it on its stdin.
#pragma once

#include <filesystem>
#include <string>

#include "flow/error.hpp"
#include "shim/options.hpp"

namespace shim {

struct runtime_options {
  // Configuration to read instead of the default file; empty if none is named
  // (ctr run --runtime-config-path, ConfigPath in CRI's options).
  std::filesystem::path config_path;
};

// `input` is a google.protobuf.Any, or from containerd 2.3 on BootstrapParams, which carries it as
// an extension. Options of other runtimes are ignored; errc::invalid_argument for ours in a wrong
// form.
flow::result<runtime_options> parse_runtime_options(const std::string& input, const options& o);

// All of stdin, at most 10 MB.
flow::result<std::string> read_stdin();

// Keeps the name of the configuration in the bundle, where `delete`, which is given no options,
// finds it.
flow::result<void> keep_config_path(const std::filesystem::path& bundle,
                                    const std::filesystem::path& config_path);
std::filesystem::path kept_config_path(const std::filesystem::path& bundle);

}  // namespace shim
