#include "flow/vsock.hpp"

namespace flow {

std::string to_string(const vsock_address& a) {
  return "vsock:" + std::to_string(a.cid) + ":" + std::to_string(a.port);
}

}  // namespace flow
