// The vhost-user back end of one socket device: sets up memory and rings as the front end requests,
// and starts and stops the device accordingly.
//
// The device runs while both rings are set up, have a kick descriptor and are enabled.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>

#include "flow/device/event_loop.hpp"
#include "flow/device/vhost_user/channel.hpp"
#include "flow/device/vhost_user/guest_memory.hpp"
#include "flow/device/virtio/vring.hpp"
#include "flow/device/vsock/device.hpp"
#include "flow/system/log.hpp"

namespace flow::device {

class vhost_user_backend {
 public:
  // Called once, when the front end has exited or violated the protocol; by then the device has
  // been stopped and its guest's side closed, and the socket is closed. No error: an orderly end.
  // Must not destroy the back end.
  using closed_handler = std::function<void(const std::optional<error>&)>;

  // Everything must outlive the back end. `socket` is connected to the front end.
  vhost_user_backend(event_loop& loop, log& log, vsock_device& device, std::uint64_t guest_cid,
                     unique_fd socket, closed_handler on_closed);
  vhost_user_backend(const vhost_user_backend&) = delete;
  vhost_user_backend& operator=(const vhost_user_backend&) = delete;
  ~vhost_user_backend();

  // Starts to read requests from the front end.
  result<> start();

  // Features that the device offers: of virtio, and of vhost-user.
  static std::uint64_t offered_features() noexcept;
  static std::uint64_t offered_protocol_features() noexcept;

 private:
  // The rings that the front end delegates to us; it handles the event queue itself.
  static constexpr std::size_t receive_ring = 0;
  static constexpr std::size_t transmit_ring = 1;
  static constexpr std::size_t ring_count = 2;

  void receive_messages();
  result<> handle(vhost_user_message& m);
  result<> dispatch(vhost_user_message& m);
  void close(const std::optional<error>& why);

  result<> get_u64(const vhost_user_message& m, std::uint64_t value);
  result<> set_features(const vhost_user_message& m);
  result<> set_protocol_features(const vhost_user_message& m);
  result<> set_memory_table(vhost_user_message& m);
  result<> get_config(const vhost_user_message& m);

  // rings.cpp
  result<> set_vring_num(const vhost_user_message& m);
  result<> set_vring_addresses(const vhost_user_message& m);
  result<> set_vring_base(const vhost_user_message& m);
  result<> get_vring_base(const vhost_user_message& m);
  result<> set_vring_enable(const vhost_user_message& m);
  result<> set_vring_descriptor(vhost_user_message& m);
  result<vring*> ring(std::uint32_t index, bool must_be_stopped);
  result<> set_kick(vring& r, unique_fd fd);
  result<> relocate_rings();
  void start_device_if_ready();
  void stop_device();
  void device_broken();

  event_loop& loop_;
  log& log_;
  vsock_device& device_;
  const std::uint64_t guest_cid_;
  vhost_user_channel channel_;
  event_loop::watch watch_;
  closed_handler on_closed_;
  bool closed_ = false;

  std::uint64_t features_ = 0;
  std::uint64_t protocol_features_ = 0;
  guest_memory memory_;
  std::array<vring, ring_count> rings_;
  bool broken_ = false;  // until the front end resets a ring
};

}  // namespace flow::device
