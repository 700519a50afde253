// The kernel modules in the image. Those that every guest needs are loaded at boot; the others, in
// groups, when something needs them: loading takes time, and most guests never need them.
#pragma once

#include <string>

#include "agent/storage/os.hpp"

namespace agent {

// In the order of their names. A group that is not in the image is not an error: the kernel has it
// built in, or the mount that needs it fails.
flow::result<void> load_boot_modules(os& system);
flow::result<void> load_module_group(os& system, const std::string& group);

}  // namespace agent
