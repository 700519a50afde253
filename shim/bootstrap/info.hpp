// The action -info: what this runtime is and can do, as containerd 2 and later ask.
#pragma once

#include <string>

#include "containerd/types/introspection.pb.h"
#include "shim/config/config.hpp"

namespace shim {

// `input` is stdin: the options it is asked about, an Any, or nothing. With `c.mount_in_guest`
// containerd hands the mounts of images on, and the guest makes them; without, containerd makes
// them on the host. The guest cannot make an overlay whose writable layer is a directory of the
// host, which is what containerd's erofs snapshotter wants unless it is in block mode; therefore
// that is the operator's choice.
containerd::types::RuntimeInfo runtime_info(const std::string& input, const config& c);

}  // namespace shim
