// Values that a mount of type "format/..." takes from the mounts before it.
#pragma once

#include <string>
#include <vector>

#include "flow/error.hpp"

namespace shim {

struct made_mount {
  std::string point;   // mount point
  std::string source;  // its source; empty if it has no name yet
};

// Expands {{ mount N }}, {{ source N }} and {{ overlay FIRST LAST }} in `text`; the latter stands
// for the mount points from one to the other, in either direction, separated by colons.
// errc::invalid_argument if anything else is in braces, or if there is no such mount.
flow::result<std::string> expand_mount_template(const std::string& text,
                                                const std::vector<made_mount>& made);

}  // namespace shim
