// One ring of the device as the front end has set it up, and as it runs.
#pragma once

#include <cstdint>
#include <memory>

#include "flow/device/event_loop.hpp"
#include "flow/device/virtio/virtqueue.hpp"
#include "flow/unique_fd.hpp"

namespace flow::device {

struct vring {
  // As set up.
  std::uint16_t size = 0;
  std::uint16_t base = 0;  // the entry to begin with, and after a stop the one to go on with
  ring_addresses addresses;
  bool located = false;  // the addresses were set
  unique_fd kick;        // readable: the driver has new entries
  unique_fd call;        // to be written: the driver has used entries; absent: it polls
  unique_fd error;
  bool enabled = false;
  event_loop::watch kick_watch;

  // Present while the ring runs.
  std::unique_ptr<virtqueue> queue;

  bool ready() const noexcept { return size != 0 && located && kick && enabled; }

  // Shows the driver what was completed and notifies it if it wants that.
  void publish() noexcept;
};

// Adds one to an eventfd. What cannot be written (a full counter) is already signalled.
void signal_event(const unique_fd& event) noexcept;

}  // namespace flow::device
