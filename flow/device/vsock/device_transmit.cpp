// The guest's transmit queue: its packets and their handling.

#include "flow/device/virtio/scatter.hpp"
#include "flow/device/vsock/device.hpp"

namespace flow::device {

// Handles up to `limit` packets while fewer than `reply_limit` refusals wait. True if it stopped at
// one of the two limits, false if the queue is empty and will notify, or the device broke.
bool vsock_device::take_packets(int limit, std::size_t reply_limit) {
  auto& queue = *transmit_->queue;
  queue.disable_notification();
  while (limit > 0 && replies_.size() < reply_limit) {
    descriptor_chain chain;
    const auto status = queue.next(chain);
    if (status == virtqueue::status::empty) {
      queue.enable_notification();
      if (!queue.has_available()) {
        return false;
      }
      queue.disable_notification();
      continue;
    }
    if (status != virtqueue::status::chain) {
      fail("transmit queue", queue.violation());
      return false;
    }
    if (!chain.writable.empty()) {
      fail("transmit queue", "writable descriptor");
      return false;
    }
    packet_header header{};
    if (chain.readable_bytes < sizeof header) {
      fail("transmit queue", "packet shorter than its header");
      return false;
    }
    copy_out(chain.readable, &header, sizeof header);
    if (header.len > chain.readable_bytes - sizeof header) {
      fail("transmit queue", "packet longer than its descriptors");
      return false;
    }
    drop_front(chain.readable, sizeof header);
    keep_front(chain.readable, header.len);
    handle(header, chain.readable);
    queue.complete(chain.head, 0);
    --limit;
  }
  return true;
}

void vsock_device::handle(const packet_header& header, std::span<iovec> payload) {
  if (header.src_cid != guest_cid_) {
    return;  // from a foreign CID: no answer is possible
  }
  if (header.dst_cid != host_cid || header.type != VIRTIO_VSOCK_TYPE_STREAM) {
    refuse(header);
    return;
  }
  if (header.op == VIRTIO_VSOCK_OP_REQUEST) {
    handle_request(header);
    return;
  }
  auto* c = find({.guest_port = header.src_port, .host_port = header.dst_port});
  if (c == nullptr) {
    refuse(header);
    return;
  }
  handle_for(*c, header, payload);
}

void vsock_device::handle_request(const packet_header& header) {
  const connection_key key{.guest_port = header.src_port, .host_port = header.dst_port};
  if (auto* old = find(key)) {
    // A guest that has forgotten a connection we are done with may reuse its port. In any other
    // state it contradicts itself.
    const bool over = old->closing();
    drop_guest(*old);
    if (!over) {
      refuse(header);
      return;
    }
  }
  if (connections() >= connection_limit_) {
    log_.debug("connection refused", {{"port", key.host_port}, {"reason", "too many"}});
    refuse(header);
    return;
  }
  auto socket = connector_.connect(key);
  if (!socket) {
    log_.debug("connection refused",
               {{"port", key.host_port}, {"reason", socket.error().message()}});
    refuse(header);
    return;
  }
  auto added = add(key, connection::origin::guest, std::move(*socket));
  if (!added) {
    refuse(header);
    return;
  }
  (*added)->update_credit(header);
  settle(**added);
}

void vsock_device::handle_for(connection& c, const packet_header& header,
                              std::span<iovec> payload) {
  bool valid = header.len <= max_payload;
  c.update_credit(header);
  switch (header.op) {
    case VIRTIO_VSOCK_OP_RST:
      drop_guest(c);
      return;
    case VIRTIO_VSOCK_OP_RESPONSE:
      valid = valid && c.accept();
      if (valid) {
        connector_.accepted(c.key(), c.socket());
      }
      break;
    case VIRTIO_VSOCK_OP_SHUTDOWN:
      // Once it neither sends nor receives, the handshake expects RST.
      valid = valid && c.guest_shutdown(header.flags) && !c.guest_left();
      break;
    case VIRTIO_VSOCK_OP_RW:
      valid = valid && c.receive(payload, header.len);
      break;
    case VIRTIO_VSOCK_OP_CREDIT_UPDATE:
      break;
    case VIRTIO_VSOCK_OP_CREDIT_REQUEST:
      c.guest_asks_credit();
      break;
    default:
      valid = false;
  }
  if (!valid) {
    reset(c);
    return;
  }
  settle(c);
}

// Answers a packet that belongs to no connection. RST is never answered.
void vsock_device::refuse(const packet_header& header) {
  if (header.op == VIRTIO_VSOCK_OP_RST) {
    return;
  }
  packet_header h{};
  h.src_cid = header.dst_cid;
  h.dst_cid = header.src_cid;
  h.src_port = header.dst_port;
  h.dst_port = header.src_port;
  h.type = header.type;
  h.op = VIRTIO_VSOCK_OP_RST;
  replies_.push_back(h);
}

}  // namespace flow::device
