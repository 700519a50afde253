#include "runtime_api/ttrpc/service.hpp"

#include "runtime_api/ttrpc/status.hpp"

namespace ttrpc {

flow::error unimplemented_method(std::string_view name) {
  return {code::unimplemented, "method " + std::string(name)};
}

}  // namespace ttrpc
