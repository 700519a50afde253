// The action -info: what this runtime is and can do, as containerd 2 and later ask.
#pragma once

#include "containerd/types/introspection.pb.h"

namespace shim {

containerd::types::RuntimeInfo runtime_info();

}  // namespace shim
