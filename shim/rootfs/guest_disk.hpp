// Opens a file or block device that becomes a disk of the guest.
#pragma once

#include "shim/rootfs/guest_mounts.hpp"
#include "shim/vm/machine.hpp"

namespace shim {

// A regular file or a block device, opened read-only if `source` asks for no more. The system's
// error if it cannot be opened; errc::invalid_argument if it is anything else.
flow::result<disk> open_disk(const disk_source& source);

}  // namespace shim
