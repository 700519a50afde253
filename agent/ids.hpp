// The ids that the shim gives to containers and processes; see agent.proto. None is 0.
#pragma once

#include <cstdint>

namespace agent {

using container_id = std::uint32_t;
using process_id = std::uint32_t;

}  // namespace agent
