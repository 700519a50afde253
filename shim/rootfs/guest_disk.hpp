// Opens what is to be a disk of the guest.
#pragma once

#include "shim/rootfs/guest_mounts.hpp"
#include "shim/vm/machine.hpp"

namespace shim {

// A regular file or a block device, for reading only where that is all that is asked for. The
// system's error if it cannot be opened; errc::invalid_argument if it is something else.
flow::result<disk> open_disk(const disk_source& source);

}  // namespace shim
