#pragma once

#include <string>

namespace shim {

// The path of the running program. `start` runs it again as the shim, and relative paths of the configuration are
// relative to its directory. Empty if /proc cannot be read.
std::string program_path();

}  // namespace shim
