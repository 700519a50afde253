// The guest's receive queue: packets into the buffers that it posts.
#include <algorithm>
#include <array>

#include "flow/device/limits.hpp"
#include "flow/device/virtio/scatter.hpp"
#include "flow/device/vsock/device.hpp"

namespace flow::device {

// Gives the guest the packets that are due, as far as it has posted buffers. True if work is left
// because the turn is over; false if nothing is due, or the queue has no buffer and will notify.
bool vsock_device::give_packets() {
  auto& queue = *receive_->queue;
  // Buffers posted while none is needed do not matter.
  queue.disable_notification();
  for (int turn = 0; !replies_.empty() || !ready_.empty(); ++turn) {
    if (turn == receive_per_turn) {
      return true;
    }
    progress made = progress::done;
    if (!replies_.empty()) {
      made = give_reply();
    } else {
      auto& c = ready_.front();
      made = give_one(c);
      if (made == progress::failed) {
        reset(c);
      } else if (made == progress::done) {
        ready_.pop_front();
        settle(c);
      }
    }
    if (made == progress::broken) {
      return false;
    }
    if (made == progress::starved) {
      queue.enable_notification();
      if (!queue.has_available()) {
        return false;
      }
      queue.disable_notification();
    }
  }
  return false;
}

// The next buffer of the guest, with room for a header and some payload.
vsock_device::progress vsock_device::take_buffer(descriptor_chain& chain) {
  auto& queue = *receive_->queue;
  switch (queue.next(chain)) {
    case virtqueue::status::empty:
    case virtqueue::status::full:
      return progress::starved;
    case virtqueue::status::violation:
      fail("receive queue", queue.violation());
      return progress::broken;
    case virtqueue::status::chain:
      break;
  }
  if (!chain.readable.empty()) {
    fail("receive queue", "readable descriptor");
    return progress::broken;
  }
  if (chain.writable_bytes <= sizeof(packet_header)) {
    fail("receive queue", "buffer too small for a packet");
    return progress::broken;
  }
  return progress::done;
}

// Puts a header at the start of a buffer and returns the buffer.
void vsock_device::give_header(const descriptor_chain& chain, packet_header header) {
  header.src_cid = host_cid;
  header.dst_cid = guest_cid_;
  copy_in(chain.writable, &header, sizeof header);
  receive_->queue->complete(chain.head, static_cast<std::uint32_t>(sizeof header) + header.len);
}

vsock_device::progress vsock_device::give_reply() {
  descriptor_chain chain;
  if (const auto taken = take_buffer(chain); taken != progress::done) {
    return taken;
  }
  // Not give_header(): a refusal's source is the address that was called, whatever it was.
  copy_in(chain.writable, &replies_.front(), sizeof(packet_header));
  receive_->queue->complete(chain.head, sizeof(packet_header));
  replies_.pop_front();
  return progress::done;
}

vsock_device::progress vsock_device::give_one(connection& c) {
  if (!c.has_packet()) {
    return progress::done;  // its packet has become void: credit withdrawn
  }
  descriptor_chain chain;
  if (const auto taken = take_buffer(chain); taken != progress::done) {
    return taken;
  }
  if (const auto header = c.take_control()) {
    give_header(chain, *header);
    return progress::done;
  }
  return give_data(c, chain);
}

// Adds the space behind the header in a buffer, at most `room` bytes, to the parts of one read.
std::size_t vsock_device::add_payload_parts(const descriptor_chain& chain, std::size_t room) {
  std::size_t skip = sizeof(packet_header);
  std::size_t added = 0;
  for (const auto& part : chain.writable) {
    if (skip >= part.iov_len) {
      skip -= part.iov_len;
      continue;
    }
    if (added == room || parts_.size() == max_parts) {
      break;
    }
    const std::size_t n = std::min(part.iov_len - skip, room - added);
    parts_.push_back({static_cast<std::byte*>(part.iov_base) + skip, n});
    added += n;
    skip = 0;
  }
  return added;
}

// One read of the host's socket into as many buffers as it may fill; each becomes a packet.
vsock_device::progress vsock_device::give_data(connection& c, descriptor_chain chain) {
  struct packet {
    descriptor_chain chain;
    std::size_t capacity;
  };
  auto& queue = *receive_->queue;
  std::array<packet, chains_per_read> packets;
  std::size_t count = 0;
  std::size_t room = std::min<std::size_t>(c.sendable(), burst);
  parts_.clear();
  for (;;) {
    const std::size_t capacity = add_payload_parts(chain, std::min<std::size_t>(room, max_payload));
    packets[count++] = {chain, capacity};
    room -= capacity;
    if (room == 0 || count == packets.size() || parts_.size() == max_parts) {
      break;
    }
    const auto taken = take_buffer(chain);
    if (taken == progress::broken) {
      return taken;
    }
    if (taken == progress::starved) {
      break;
    }
  }
  std::size_t left = 0;
  const auto outcome = c.read_host(parts_, left);
  for (std::size_t i = 0; left != 0; ++i) {
    const std::size_t length = std::min(left, packets[i].capacity);
    give_header(packets[i].chain, c.data_header(static_cast<std::uint32_t>(length)));
    left -= length;
  }
  queue.rewind();
  return outcome == connection::read_outcome::failed ? progress::failed : progress::done;
}

}  // namespace flow::device
