// The unix socket on which a shim serves containerd.
#pragma once

#include <filesystem>
#include <optional>

#include "flow/error.hpp"
#include "flow/unique_fd.hpp"

namespace shim {

// The descriptor on which `start` hands the listening socket to the shim itself.
inline constexpr int listening_descriptor = 3;

// Listens at `path`, mode 0600. Creates the socket's directory, mode 0700, if it is missing.
// Replaces a socket on which no process listens any more; returns nullopt if one does.
flow::result<std::optional<flow::unique_fd>> listen_at(const std::filesystem::path& path);

// The path that a listening unix socket is bound to; empty for any other descriptor.
std::filesystem::path bound_path(const flow::unique_fd& socket);

}  // namespace shim
