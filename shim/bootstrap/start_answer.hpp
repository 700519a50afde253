// The stdout of `start`, in the form that the calling version of containerd understands.
#pragma once

#include <cstdint>
#include <string>

namespace shim {

// `parameters`: stdin was BootstrapParams, so containerd is 2.3 or later and accepts
// BootstrapResult with version 3. Otherwise 1.7, which refuses version 3, cannot be told from 2.2.
// The answer is then the plain address, which means version 2 and works everywhere, or JSON with
// version 3 if the configuration (`version`) says that containerd accepts it.
std::string start_answer(const std::string& address, bool parameters, std::uint32_t version);

}  // namespace shim
