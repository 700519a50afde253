// Every deadline and bound of the agent, with its reason. All are fixed: the guest has no
// configuration of its own.
//
// Verbs of crun have no deadline here. The shim has one for each of its calls
// (shim/config/limits.hpp), and ends the machine if a guest does not answer.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace agent::limits {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

// --- connections to the shim -------------------------------------------------------------------

// The shim listens before its guest boots, but the host's end of the device may come up later than
// the guest. After this the shim is not coming.
inline constexpr seconds connect_control{30};

// One attempt at a connection, and the pause between two attempts at the control connection.
inline constexpr seconds connect{10};
inline constexpr milliseconds connect_retry{20};

// After both ends have said Close nothing of value is under way; the transport may take this long
// to go.
inline constexpr seconds close_stream{10};

// --- streams -----------------------------------------------------------------------------------

// One read of a stream: what a single write can put into an empty pipe. Output is read in frames of
// flow::agreed_max_payload.
inline constexpr std::size_t input_buffer = 65536;

// A terminal's output waits in kernel buffers of at most 640 KiB (TTYB_DEFAULT_MEM_LIMIT). A
// background process that writes faster than we read must not keep an exit from being reported, so
// no more than this is read ahead of the stream.
inline constexpr std::size_t terminal_backlog = std::size_t{1} << 20U;

// One read of a terminal when its output is read ahead; it is read until nothing is left.
inline constexpr std::size_t terminal_read = 4096;

// --- storage -----------------------------------------------------------------------------------

// A disk is plugged in before the call that mounts it. The kernel sees it within milliseconds, but
// later if it is emulated or under load.
inline constexpr seconds find_disk{20};

// No event tells that it has: the list of disks is read again, after longer and longer pauses.
inline constexpr milliseconds first_disk_look{1};
inline constexpr milliseconds last_disk_look{20};

// What a process had requested when it exited (readahead) may still hold inodes. virtiofsd answers
// in order, batch by batch, so an answer to a later request follows the batch before it. So many
// requests are made of an entry of the share before it is unmounted.
inline constexpr int requests_before_unmount = 8;

// --- the guest's clock and generator -----------------------------------------------------------

// The request itself is under way for about a millisecond; a smaller difference says nothing.
inline constexpr nanoseconds clock_tolerance = milliseconds(5);

// The most that is used of the shim's entropy; the kernel's generator needs 32 bytes.
inline constexpr std::size_t entropy_bytes = 256;

// --- events of the kernel ----------------------------------------------------------------------

// One read of inotify: 256 changes of a file, which carry no name.
inline constexpr std::size_t inotify_buffer = 4096;

}  // namespace agent::limits
