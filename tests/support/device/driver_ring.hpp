// The driver's end of one split virtqueue, in the low region of a test's guest memory.
#pragma once

#include <sys/eventfd.h>

#include <atomic>
#include <cstdint>
#include <optional>

#include "flow/device/virtio/linux_virtio.hpp"
#include "flow/device/virtio/virtqueue.hpp"
#include "flow/unique_fd.hpp"
#include "tests/support/device/guest_ram.hpp"

namespace tests {

class driver_ring {
 public:
  struct used_entry {
    std::uint32_t head;
    std::uint32_t length;
  };

  // Occupies 64 KiB of guest memory from `start` on.
  driver_ring(guest_ram& ram, std::uint64_t start, std::uint16_t size)
      : ram_(ram),
        size_(size),
        descriptors_(start),
        available_(start + 0x4000),
        used_(start + 0x8000),
        kick_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)),
        call_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)),
        error_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {}

  std::uint16_t size() const { return size_; }
  int kick_fd() const { return kick_.get(); }
  int call_fd() const { return call_.get(); }
  int error_fd() const { return error_.get(); }

  flow::device::ring_addresses addresses() const {
    constexpr auto user = guest_ram::low_user;
    return {user + descriptors_, user + available_, user + used_};
  }

  // A restart: all of the ring is zero again.
  void clear() {
    std::memset(ram_.at(descriptors_), 0, 0xc000);
    next_available_ = 0;
    next_used_ = 0;
    ::eventfd_t ignored = 0;
    ::eventfd_read(call_.get(), &ignored);
  }

  void describe(std::uint16_t index, const vring_desc& d) {
    ram_.put(descriptors_ + index * sizeof d, d);
  }

  void offer(std::uint16_t head) {
    ram_.put(available_ + 4 + std::uint64_t{next_available_} % size_ * 2, head);
    publish(static_cast<std::uint16_t>(next_available_ + 1));
  }

  // Sets the available index, whatever the entries are.
  void publish(std::uint16_t index) {
    next_available_ = index;
    std::atomic_ref(*reinterpret_cast<std::uint16_t*>(ram_.at(available_ + 2)))
        .store(index, std::memory_order_release);
  }

  void kick() { ::eventfd_write(kick_.get(), 1); }

  // Whether the device wants notifications of new entries (without the event index).
  bool wants_kick() const { return (ram_.get<std::uint16_t>(used_) & VRING_USED_F_NO_NOTIFY) == 0; }
  // With it: the entry for whose arrival it wants a notification.
  std::uint16_t available_event() const {
    return ram_.get<std::uint16_t>(used_ + 4 + std::uint64_t{size_} * 8);
  }
  void set_used_event(std::uint16_t index) {
    ram_.put(available_ + 4 + std::uint64_t{size_} * 2, index);
  }
  void set_no_interrupt(bool set) {
    ram_.put<std::uint16_t>(available_, set ? VRING_AVAIL_F_NO_INTERRUPT : 0);
  }

  std::optional<used_entry> take_used() {
    const auto index = std::atomic_ref(*reinterpret_cast<std::uint16_t*>(ram_.at(used_ + 2)))
                           .load(std::memory_order_acquire);
    if (index == next_used_) {
      return std::nullopt;
    }
    return ram_.get<used_entry>(used_ + 4 + std::uint64_t{next_used_++} % size_ * 8);
  }

  // The number of the device's notifications since the last call.
  std::uint64_t take_calls() { return take(call_); }
  std::uint64_t take_errors() { return take(error_); }

 private:
  static std::uint64_t take(const flow::unique_fd& event) {
    ::eventfd_t count = 0;
    return ::eventfd_read(event.get(), &count) == 0 ? count : 0;
  }

  guest_ram& ram_;
  std::uint16_t size_;
  std::uint64_t descriptors_;
  std::uint64_t available_;
  std::uint64_t used_;
  flow::unique_fd kick_;
  flow::unique_fd call_;
  flow::unique_fd error_;
  std::uint16_t next_available_ = 0;
  std::uint16_t next_used_ = 0;
};

}  // namespace tests
