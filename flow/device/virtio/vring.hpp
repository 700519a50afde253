// One ring of the device: its setup by the front end, and its running state.
#pragma once

#include <cstdint>
#include <memory>

#include "flow/device/event_loop.hpp"
#include "flow/device/virtio/virtqueue.hpp"
#include "flow/unique_fd.hpp"

namespace flow::device {

struct vring {
  // Setup.
  std::uint16_t size = 0;
  std::uint16_t base = 0;  // the entry to begin with; after a stop, the one to continue with
  ring_addresses addresses;
  bool located = false;  // the addresses are set
  unique_fd kick;        // readable: the driver has new entries
  unique_fd call;        // written when the driver has used entries; absent: it polls
  unique_fd error;
  bool enabled = false;
  event_loop::watch kick_watch;

  // Present while the ring is running.
  std::unique_ptr<virtqueue> queue;

  bool ready() const noexcept { return size != 0 && located && kick && enabled; }

  // Publishes the completions to the driver and notifies it if it wants that.
  void publish() noexcept;
};

// Adds one to an eventfd. If its counter is full, the event is already signalled.
void signal_event(const unique_fd& event) noexcept;

}  // namespace flow::device
