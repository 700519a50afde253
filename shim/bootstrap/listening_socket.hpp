// The unix socket at which a shim serves containerd.
#pragma once

#include <filesystem>
#include <optional>

#include "flow/error.hpp"
#include "flow/unique_fd.hpp"

namespace shim {

// Listens at `path`, mode 0600, in a directory that is made if need be, mode 0700. A socket nobody
// listens at any more is replaced; nothing is returned if somebody does.
flow::result<std::optional<flow::unique_fd>> listen_at(const std::filesystem::path& path);

// What a listening unix socket is bound to; empty for anything else.
std::filesystem::path bound_path(const flow::unique_fd& socket);

}  // namespace shim
