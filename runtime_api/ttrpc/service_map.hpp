// Shared by a server and its connections.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "runtime_api/ttrpc/service.hpp"

namespace ttrpc {

// Keyed by the name used in requests. The services must outlive the map.
using service_map = std::map<std::string, service*, std::less<>>;

}  // namespace ttrpc
