// hvsock-vsockd: the vsock device of one guest, in a process of its own.
#pragma once

#include <filesystem>
#include <memory>

#include "flow/error.hpp"
#include "flow/unique_fd.hpp"
#include "shim/vm/helpers/helper_process.hpp"

namespace shim {

struct vsock_daemon {
  // Exits by itself, after it has delivered what it holds, once `vhost` and `uplink` are closed.
  std::unique_ptr<helper_process> process;
  flow::unique_fd vhost;   // connected to it, for the hypervisor (vhost-user)
  flow::unique_fd uplink;  // where the guest's connections arrive, see flow/device/uplink.hpp
};

flow::result<vsock_daemon> start_vsock_daemon(const helper_context& context,
                                              const std::filesystem::path& program);

}  // namespace shim
