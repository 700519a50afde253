// The device's end of one split virtqueue (virtio 1.1, section 2.6).
//
//   descriptor table   16 bytes each: address, length, flags, next     written by the driver
//   available ring     flags, index, heads of chains, used_event       written by the driver
//   used ring          flags, index, {head, bytes written}, avail_event written by the device
//
// The driver is hostile: on any violation of the rules, next() returns `violation`, after which the
// queue must not be used again. Nothing outside the guest's memory is ever accessed, and each field
// is read once.
//
// next() takes a chain and complete() returns it, in the same order; rewind() returns the remaining
// ones as if they had never been taken. The driver sees completions at publish().
#pragma once

#include <sys/uio.h>

#include <cstdint>
#include <span>
#include <vector>

#include "flow/device/vhost_user/guest_memory.hpp"
#include "flow/error.hpp"

namespace flow::device {

// The address of a ring in the front end's own address space.
struct ring_addresses {
  std::uint64_t descriptors = 0;
  std::uint64_t available = 0;
  std::uint64_t used = 0;
};

// One buffer of the driver: the part the device may read, followed by the part it may write.
struct descriptor_chain {
  std::uint16_t head = 0;
  std::span<iovec> readable;
  std::span<iovec> writable;
  std::uint64_t readable_bytes = 0;
  std::uint64_t writable_bytes = 0;
};

class virtqueue {
 public:
  enum class status { chain, empty, full, violation };

  // `memory` must outlive the queue. `size` entries, a power of two; `base` is the index of the
  // next available entry. errc::protocol if the rings do not lie aligned within one region each.
  static result<virtqueue> create(const guest_memory& memory, std::uint16_t size,
                                  const ring_addresses& addresses, std::uint16_t base,
                                  bool event_index);
  virtqueue(virtqueue&&) noexcept = default;
  virtqueue& operator=(virtqueue&&) noexcept = default;

  // Locates the rings again after the memory has been remapped.
  result<> relocate(const ring_addresses& addresses);

  // Takes the next chain. Its spans are valid until no chain is held any more. `full`: more
  // descriptors are held than fit; return some first.
  status next(descriptor_chain& chain);

  // Gives back all chains that are held.
  void rewind() noexcept;

  // Returns the oldest chain taken, with `written` bytes in its writable part.
  void complete(std::uint16_t head, std::uint32_t written) noexcept;

  // Publishes the completions to the driver; true if it wants to be notified of them.
  bool publish() noexcept;

  // Asks the driver to send notifications of new chains, or not to. After enabling them, check
  // has_available(): a chain may have arrived just before.
  void enable_notification() noexcept;
  void disable_notification() noexcept;
  bool has_available() const noexcept;

  // The index of the next available entry, with which to restart the queue.
  std::uint16_t base() const noexcept { return next_; }

  // After a violation: the rule that the driver broke.
  const char* violation() const noexcept { return violation_; }

 private:
  struct descriptor;

  virtqueue(const guest_memory& memory, std::uint16_t size, std::uint16_t base, bool event_index);
  status violated(const char* what) noexcept;
  status look() noexcept;
  descriptor read_descriptor(std::uint16_t index) const noexcept;
  status append(const descriptor& d);
  std::uint16_t available_index() const noexcept;

  const guest_memory* memory_;
  std::uint16_t size_;
  bool event_index_;

  std::byte* descriptors_ = nullptr;
  std::byte* available_ = nullptr;
  std::byte* used_ = nullptr;

  std::uint16_t next_;            // available entry to take next
  std::uint16_t known_ = 0;       // available index as last read; next_..known_ are there
  std::uint16_t used_index_ = 0;  // used entry to write next
  std::uint16_t published_ = 0;   // used index as the driver knows it
  std::uint16_t held_ = 0;        // chains taken and neither completed nor rewound

  std::vector<iovec> parts_;  // of the chains held; never grows beyond its first capacity
  const char* violation_ = nullptr;
};

}  // namespace flow::device
