// The action -info: describes this runtime and its features to containerd 2 and later.
#pragma once

#include <string>

#include "containerd/types/introspection.pb.h"
#include "shim/config/config.hpp"

namespace shim {

// `input` is stdin: the options that containerd asks about, an Any, or nothing. If
// `c.mount_in_guest` is set, containerd passes an image's mounts on, and the guest makes them;
// otherwise containerd makes them on the host. The guest cannot make an overlay whose writable
// layer is a directory of the host, which is what containerd's erofs snapshotter asks for unless it
// is in block mode. That is why the operator decides.
containerd::types::RuntimeInfo runtime_info(const std::string& input, const config& c);

}  // namespace shim
