// One packet of virtio-vsock (virtio 1.2, section 5.10): a header, and payload if it is an RW.
//
// Primer. Two (cid, port) pairs identify a connection. REQUEST opens it, RESPONSE accepts, RST
// refuses or ends it at once, SHUTDOWN announces that its sender will receive or send no more
// (flags), RW carries bytes of the stream. Every packet announces how much its sender can hold
// (buf_alloc) and how much it has passed on (fwd_cnt); no more than buf_alloc bytes may be in
// flight, because there is no acknowledgement and no retransmission. CREDIT_UPDATE carries only
// these two numbers, CREDIT_REQUEST asks for one.
//
// Queue 0 carries packets to the guest into buffers it has posted, queue 1 those from the guest.
#pragma once

#include <linux/virtio_vsock.h>

#include <cstdint>

namespace flow::device {

// Little-endian, 44 bytes, packed.
using packet_header = virtio_vsock_hdr;
static_assert(sizeof(packet_header) == 44);

inline constexpr std::uint64_t host_cid = 2;

// The largest payload of one packet, to and from a guest (Linux has the same limit).
inline constexpr std::uint32_t max_payload = 64 * 1024;

// The two ports that identify a connection between this guest and the host.
struct connection_key {
  std::uint32_t guest_port = 0;
  std::uint32_t host_port = 0;

  friend bool operator==(const connection_key&, const connection_key&) = default;
};

}  // namespace flow::device
