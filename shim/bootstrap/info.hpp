// The action -info: what this runtime is and can do, as containerd 2 and later ask.
#pragma once

#include <string>

#include "containerd/types/introspection.pb.h"

namespace shim {

// `input` is stdin: the options it is asked about, an Any, or nothing.
containerd::types::RuntimeInfo runtime_info(const std::string& input);

}  // namespace shim
