// The values that a mount of type "format/..." takes from the mounts before it.
#pragma once

#include <string>
#include <vector>

#include "flow/error.hpp"

namespace shim {

struct made_mount {
  std::string point;   // where it is
  std::string source;  // what it is of, empty where that has no name yet
};

// `text` with its {{ mount N }}, {{ source N }} and {{ overlay FIRST LAST }} filled in: the latter
// gives the mount points from one to the other, either way round, with colons between them.
// errc::invalid_argument if there is anything else in braces, or no such mount.
flow::result<std::string> expand_mount_template(const std::string& text,
                                                const std::vector<made_mount>& made);

}  // namespace shim
