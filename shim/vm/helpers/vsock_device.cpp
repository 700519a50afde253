#include "shim/vm/helpers/vsock_device.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <unistd.h>

#include "shim/config/limits.hpp"
#include "shim/vm/helpers/vsock_daemon.hpp"

namespace shim {

using flow::errc;
using flow::error;
using flow::result;
using flow::system_error;
using flow::unique_fd;

namespace {

constexpr const char* kernel_device = "/dev/vhost-vsock";

// VHOST_VSOCK_SET_GUEST_CID; <linux/vhost.h> is not C++.
constexpr unsigned long set_guest_cid = _IOW(0xAF, 0x60, std::uint64_t);

// CIDs below are not a guest's: hypervisor, local, host.
constexpr std::uint32_t first_guest_cid = 3;

// A CID that no other guest of this host has. The kernel keeps them apart; drawing one is quicker
// than asking for a free one.
result<std::uint32_t> take_guest_cid(const unique_fd& device) {
  for (int i = 0; i < limits::guest_cid_draws; ++i) {
    std::uint32_t drawn = 0;
    if (::getrandom(&drawn, sizeof(drawn), 0) != sizeof(drawn)) {
      return system_error("getrandom");
    }
    const std::uint64_t cid = drawn & 0x7fffffffU;
    if (cid < first_guest_cid) {
      continue;
    }
    if (::ioctl(device.get(), set_guest_cid, &cid) == 0) {
      return static_cast<std::uint32_t>(cid);
    }
    if (errno != EADDRINUSE) {
      return system_error(std::string(kernel_device) + ": set guest cid");
    }
  }
  return error(errc::unavailable, std::string(kernel_device) + ": no free guest cid");
}

result<vsock_device> open_kernel_device(const helper_context& context) {
  vsock_device made;
  made.kernel = unique_fd(::open(kernel_device, O_RDWR | O_CLOEXEC));
  if (!made.kernel) {
    return system_error(std::string("open ") + kernel_device);
  }
  const auto cid = take_guest_cid(made.kernel);
  if (!cid) {
    return cid.error();
  }
  made.guest_cid = cid.value();
  auto listener = listen_at_kernel(context.executor, made.guest_cid, context.log);
  if (!listener) {
    return std::move(listener).error();
  }
  made.listener = std::move(listener.value());
  return made;
}

result<vsock_device> start_daemon(const helper_context& context,
                                  const std::filesystem::path& program) {
  auto daemon = start_vsock_daemon(context, program);
  if (!daemon) {
    return std::move(daemon).error();
  }
  vsock_device made;
  made.daemon = std::move(daemon.value().process);
  made.vhost = std::move(daemon.value().vhost);
  made.listener = listen_at_uplink(context.executor, std::move(daemon.value().uplink), context.log);
  return made;
}

}  // namespace

result<vsock_device> open_vsock_device(const helper_context& context, config::vsock_mode mode,
                                       const std::filesystem::path& daemon) {
  const bool use_kernel =
      mode == config::vsock_mode::kernel ||
      (mode == config::vsock_mode::automatic && ::access(kernel_device, R_OK | W_OK) == 0);
  return use_kernel ? open_kernel_device(context) : start_daemon(context, daemon);
}

}  // namespace shim
