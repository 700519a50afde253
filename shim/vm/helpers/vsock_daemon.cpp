#include "shim/vm/helpers/vsock_daemon.hpp"

#include <sys/socket.h>

#include "flow/system/pipe.hpp"
#include "shim/config/limits.hpp"

namespace shim {

using flow::result;

result<vsock_daemon> start_vsock_daemon(const helper_context& context,
                                        const std::filesystem::path& program) {
  auto vhost = flow::make_socket_pair(SOCK_STREAM);
  if (!vhost) {
    return std::move(vhost).error();
  }
  auto uplink = flow::make_socket_pair(SOCK_SEQPACKET);
  if (!uplink) {
    return std::move(uplink).error();
  }
  flow::command c;
  c.argv = {program.string(),
            "--vhost-fd",
            "3",
            "--uplink-fd",
            "4",
            "--guest-cid",
            std::to_string(limits::private_guest_cid)};
  c.descriptors = {{vhost.value().theirs.get(), 3}, {uplink.value().theirs.get(), 4}};
  auto process = helper_process::start(context, std::move(c), "hvsock-vsockd");
  if (!process) {
    return std::move(process).error();
  }
  return vsock_daemon{std::move(process.value()), std::move(vhost.value().ours),
                      std::move(uplink.value().ours)};
}

}  // namespace shim
