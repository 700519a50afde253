// The vsock of one machine, of the kernel or of hvsock-vsockd: what the hypervisor is given for it,
// and where the guest's connections arrive.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>

#include "flow/error.hpp"
#include "flow/unique_fd.hpp"
#include "shim/config/config.hpp"
#include "shim/vm/guest_listener.hpp"
#include "shim/vm/helpers/helper_process.hpp"

namespace shim {

struct vsock_device {
  std::unique_ptr<guest_listener> listener;

  // For the hypervisor: one of the two, to be closed once it has been started.
  flow::unique_fd kernel;  // /dev/vhost-vsock, with `guest_cid` taken
  flow::unique_fd vhost;   // connected to the daemon (vhost-user)

  std::uint32_t guest_cid = 0;             // of the kernel's device; 0: the daemon's is used
  std::unique_ptr<helper_process> daemon;  // hvsock-vsockd, or none
};

// config::vsock_mode::automatic is the kernel's if it has one that we may use. `daemon` is the path
// of hvsock-vsockd.
flow::result<vsock_device> open_vsock_device(const helper_context& context, config::vsock_mode mode,
                                             const std::filesystem::path& daemon);

}  // namespace shim
