// What bounds the device's memory and time, in one place.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace flow::device {

// Bytes of one connection, from the guest, that may wait here for a slow reader: the buf_alloc we
// announce. Linux announces the same.
inline constexpr std::uint32_t receive_buffer = 256 * 1024;

// Connections at once, those included that the guest has left and whose last bytes still wait for
// their reader. With receive_buffer it bounds what a hostile guest can make us hold (256 MiB).
inline constexpr std::size_t max_connections = 1023;

// Refusals waiting for the guest to post receive buffers; beyond, its packets wait in its queue.
inline constexpr std::size_t max_replies = 256;

// Per turn of the loop, after which descriptors are looked at again: packets from the guest, and
// connections (each up to a burst) or refusals to it.
inline constexpr int transmit_per_turn = 256;
inline constexpr int receive_per_turn = 64;

// Bytes one connection may send to the guest before it is another's turn.
inline constexpr std::size_t burst = 65536;

// Guest buffers filled by one read of a socket. Linux guests post buffers of about 3.7 KiB.
inline constexpr std::size_t chains_per_read = 18;

// Hybrid form: clients that have not yet said which port they want, and how long they may take;
// how long a guest may take to answer a REQUEST.
inline constexpr std::size_t max_handshakes = 64;
inline constexpr std::chrono::seconds handshake_timeout{2};
inline constexpr std::chrono::seconds response_timeout{5};

// A guest can break and reset its device all day; so often that is news.
inline constexpr std::uint64_t max_failures_logged = 10;

// With the virtual machine gone: how long no reader may take a byte before the rest is given up.
inline constexpr std::chrono::minutes linger_timeout{10};

}  // namespace flow::device
