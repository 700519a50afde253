// Key=value pairs sent with a request, like HTTP headers. A key may occur repeatedly.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace ttrpc {

using metadata = std::vector<std::pair<std::string, std::string>>;

}  // namespace ttrpc
