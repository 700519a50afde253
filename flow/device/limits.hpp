// Every deadline and bound of the device. None is configurable: change a value here, within the
// range beside it. DESIGN.md repeats those that a user may notice.
//
// Sizes fixed by a protocol are beside its formats: vsock/packet.hpp, vhost_user/protocol.hpp.
#pragma once

#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace flow::device {

// --- Memory of a connection

// Bytes of one connection, from the guest, that may wait here for a slow reader: the buf_alloc we
// announce. Linux announces the same. At least a packet's payload (64 KiB), less than 2^31 for the
// credit arithmetic.
inline constexpr std::uint32_t receive_buffer = 256 * 1024;

// Bytes by which such a buffer grows, a divisor of receive_buffer. Smaller: more parts in one
// write; larger: more memory for a reader that lags a little.
inline constexpr std::size_t queue_block = std::size_t{16} * 1024;
static_assert(receive_buffer % queue_block == 0);

// Blocks kept for the next slow reader: one connection's whole buffer, so that one that keeps
// filling and draining allocates nothing. 0 keeps none.
inline constexpr std::size_t kept_blocks = receive_buffer / queue_block;

// --- Connections

// Connections at once, including those that the guest has left and whose last bytes still wait for
// their reader. With receive_buffer it bounds how much a hostile guest can make us hold (256 MiB).
// Each needs a descriptor: with other_descriptors at most RLIMIT_NOFILE, or fewer are allowed.
inline constexpr std::size_t max_connections = 1023;

// Refusals waiting for the guest to post receive buffers; beyond that, its packets wait in its
// queue. At least 1.
inline constexpr std::size_t max_replies = 256;

// --- One turn of the loop, after which descriptors are checked again. All at least 1; larger
// --- values cost the other connections latency, smaller ones cost system calls.

// Descriptors reported by one wait.
inline constexpr int events_per_turn = 64;

// Packets taken from the guest, and connections (each up to a burst) or refusals given to it.
inline constexpr int transmit_per_turn = 256;
inline constexpr int receive_per_turn = 64;

// Bytes one connection may send to the guest before the next one's turn.
inline constexpr std::size_t burst = std::size_t{64} * 1024;

// Guest buffers filled by one read of a socket: a burst, as Linux guests post buffers of about
// 3.7 KiB.
inline constexpr std::size_t chains_per_read = 18;

// Memory parts in one system call: the kernel's IOV_MAX, which is the maximum.
inline constexpr std::size_t max_parts = 1024;

// The longest single wait of the loop, because the system counts milliseconds in an int. Timers are
// not affected: a wait that ends early finds none due. At most 24 days.
inline constexpr std::chrono::milliseconds longest_wait = std::chrono::minutes(1);

// --- The guest's rings

// Entries of a queue, a power of two up to 32768: more than any driver of this device uses (QEMU:
// 128). Bounds the memory for a queue here.
inline constexpr std::uint16_t max_queue_size = 1024;
static_assert(std::has_single_bit(max_queue_size));

// A guest can break and reset its device repeatedly; log only the first failures.
inline constexpr std::uint64_t max_failures_logged = 10;

// --- The hybrid form

// Clients that have not yet sent their port; the others wait in the backlog. At least 1.
inline constexpr std::size_t max_handshakes = 64;

// Bytes of "CONNECT <port>\n". At least 19, the longest command.
inline constexpr std::size_t max_command = 32;

// How long a client may take to send its command, and a guest to answer a REQUEST. A guest under
// load needs tens of milliseconds; both only bound the resources held by an idle peer.
inline constexpr std::chrono::seconds handshake_timeout{2};
inline constexpr std::chrono::seconds response_timeout{5};

// --- The process

// Descriptors other than those of connections: standard streams, the loop, the front end, event
// and memory descriptors, further ones in one message, a socket pair being created (32 in all);
// and handshakes.
inline constexpr std::size_t other_descriptors = 32 + max_handshakes;

// After the virtual machine has ended: how long no reader may accept a byte before the rest is
// dropped. Restarts with every byte accepted. Longer than any expected pause of a reader.
inline constexpr std::chrono::minutes linger_timeout{10};

}  // namespace flow::device
