// A whole guest, simulated by a test: memory, the driver's rings, the front end that shares them,
// and packets of vsock in and out. It can also do what a real driver never does.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "flow/device/vsock/packet.hpp"
#include "tests/support/device/driver_ring.hpp"
#include "tests/support/device/front_end.hpp"
#include "tests/support/device/guest_ram.hpp"

namespace tests {

struct packet {
  flow::device::packet_header header{};
  std::string payload;
};

class fake_guest {
 public:
  struct options {
    std::uint64_t cid = 42;
    std::uint16_t queue_size = 128;
    std::uint16_t receive_buffers = 64;
    std::uint32_t receive_buffer_size = 3776;  // as a Linux 6.1 guest posts them
    bool event_index = false;
  };

  // `socket` is connected to the back end, `turn` lets it work.
  fake_guest(flow::unique_fd socket, std::function<void()> turn)
      : fake_guest(std::move(socket), std::move(turn), options()) {}
  fake_guest(flow::unique_fd socket, std::function<void()> turn, const options& o);

  guest_ram& ram() { return ram_; }
  driver_ring& receive_ring() { return receive_; }
  driver_ring& transmit_ring() { return transmit_; }
  front_end& front() { return front_; }
  std::uint64_t cid() const { return options_.cid; }

  // The steps of QEMU up to the driver's "ready": features, memory, rings. Clears the rings first.
  void boot();
  void negotiate();
  void share_memory();
  void set_up_ring(std::uint32_t index, std::uint16_t base);
  void enable(std::uint32_t index, bool on);

  // The steps of QEMU when the virtual machine is paused or reset; and resumed.
  struct bases {
    std::uint16_t receive;
    std::uint16_t transmit;
  };
  bases stop();
  void resume(const bases& from);

  // A header from this guest.
  flow::device::packet_header header(std::uint16_t op, std::uint32_t guest_port,
                                     std::uint32_t host_port) const;

  // Transmits one packet as Linux does, header and payload in a descriptor each. Waits for a
  // free slot.
  void transmit(const flow::device::packet_header& header, std::string_view payload = {});
  // The same without kicking the device.
  void transmit_quietly(const flow::device::packet_header& header, std::string_view payload = {});
  void kick() { transmit_.kick(); }

  // The address of the `slot`-th transmit buffer: 128 KiB each.
  static std::uint64_t transmit_buffer(std::uint16_t slot) {
    return guest_ram::high + std::uint64_t{slot} * 0x20000;
  }
  static std::uint64_t receive_buffer(std::uint16_t slot) {
    return guest_ram::high + 0xe00000 + std::uint64_t{slot} * 0x2000;
  }

  // Posts receive buffers up to the number in the options.
  void post_receive_buffers();

  // The next packet that the device has sent, if there is one; its buffer is posted again
  // unless `hold_buffers`.
  std::optional<packet> receive();
  void hold_buffers(bool hold) { hold_buffers_ = hold; }

  // The next packet; lets the device work until it arrives. Throws if none does.
  packet expect();
  // The next packet; fails the test if it is not of that kind.
  packet expect(std::uint16_t op);

  void turn() { turn_(); }
  // Lets the device work until `condition`; false if that takes too long.
  bool until(const std::function<bool()>& condition);
  // Lets the device do all the work it can without further input.
  void settle();

 private:
  static constexpr std::uint16_t transmit_slots = 64;

  void collect_transmitted();

  const options options_;
  std::function<void()> turn_;
  guest_ram ram_;
  driver_ring receive_;
  driver_ring transmit_;
  front_end front_;
  std::vector<std::uint16_t> free_slots_;
  std::uint16_t posted_ = 0;
  bool hold_buffers_ = false;
};

}  // namespace tests
