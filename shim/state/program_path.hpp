#pragma once

#include <string>

namespace shim {

// The path of the running program; empty if /proc cannot be read. `start` runs it again as the
// shim, and relative paths of the configuration are relative to its directory.
std::string program_path();

}  // namespace shim
