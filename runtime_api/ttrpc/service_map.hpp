// What a server shares with its connections.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "runtime_api/ttrpc/service.hpp"

namespace ttrpc {

// By the name that requests call them by. The services outlive the map.
using service_map = std::map<std::string, service*, std::less<>>;

}  // namespace ttrpc
