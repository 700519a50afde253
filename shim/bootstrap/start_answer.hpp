// The stdout of `start`, in the form that the containerd which reads it understands.
#pragma once

#include <cstdint>
#include <string>

namespace shim {

// `parameters`: stdin was BootstrapParams, so it is containerd 2.3 or later and BootstrapResult,
// version 3, is taken. Otherwise nothing tells 1.7, which refuses version 3, from 2.2: the plain
// address, which means version 2 and is right everywhere, unless the configuration says that
// version 3 is taken (`version`), which then is said in JSON.
std::string start_answer(const std::string& address, bool parameters, std::uint32_t version);

}  // namespace shim
