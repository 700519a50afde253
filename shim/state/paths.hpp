// Names that `start`, the shim itself and `delete` derive independently of each other.
#pragma once

#include <filesystem>
#include <string>

#include "shim/config/config.hpp"
#include "shim/options.hpp"

namespace shim {

// Containers with the same key live in one sandbox, served by one shim. The key is the annotation
// io.containerd.runc.v2.group or io.kubernetes.cri.sandbox-id in the bundle's config.json, or
// else `id`.
std::string group_of(const std::filesystem::path& bundle, const std::string& id);

// The socket on which the shim of a group listens. As in containerd, its name is a digest, since
// the parts may be longer than a socket's name. An empty `directory` means containerd's default.
std::filesystem::path socket_path(const std::filesystem::path& directory, const options& o,
                                  const std::string& group);

// The socket of the shim that `start` printed in this bundle, from the file `address`; empty if
// there is none.
std::filesystem::path kept_socket_path(const std::filesystem::path& bundle);

// The sandbox's own directory; its name contains the same digest.
std::filesystem::path sandbox_directory(const config& c, const options& o,
                                        const std::string& group);

}  // namespace shim
