#include "flow/vsock.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
// Needs the definitions of <sys/socket.h> before it.
#include <linux/vm_sockets.h>

#include "flow/unique_fd.hpp"

namespace flow {

std::string to_string(const vsock_address& a) {
  return "vsock:" + std::to_string(a.cid) + ":" + std::to_string(a.port);
}

// The ioctl belongs to the device: on a socket it fails.
result<std::uint32_t> local_cid() {
  const unique_fd device(::open("/dev/vsock", O_RDONLY | O_CLOEXEC));
  if (!device) {
    return system_error("open /dev/vsock");
  }
  unsigned int cid = 0;
  if (::ioctl(device.get(), IOCTL_VM_SOCKETS_GET_LOCAL_CID, &cid) != 0) {
    return system_error("query the local context id");
  }
  return cid;
}

}  // namespace flow
