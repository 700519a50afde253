// Every deadline and bound of the shim, with its reason. The ranges of those that an operator may
// change are in config.cpp; the others are fixed.
//
// A deadline is how long something may take before the shim continues without it. A missed deadline
// is never silent: it causes an error, or a more forceful way to the same result.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace shim {

// Limits for a logging program (binary://).
struct logger_limits {
  // It must signal readiness within this time.
  std::chrono::milliseconds ready{30000};

  // How long it may take to exit after both of its pipes are closed, before it is sent SIGTERM; and
  // how long after that before SIGKILL. `end` follows delivery_limits::linger.
  std::chrono::milliseconds end{600000};
  std::chrono::milliseconds terminate{12000};
};

// How output is delivered; see shim/io/delivery.hpp for the rules.
struct delivery_limits {
  // After the process has exited, a reader that has read nothing for this long counts as stalled.
  // Configurable, 0 or more.
  std::chrono::milliseconds stalled_after{2000};

  // The most a spool may hold, in bytes. If a stalled reader has more than this left to read, the
  // exit waits for it. Configurable, 1 MiB to 64 GiB.
  std::uint64_t spool = std::uint64_t{16} << 20U;

  // How long to wait for a stalled reader while no byte moves: before the exit is published, if the
  // reader had begun to read, and after the process was deleted. Configurable, 0 or more.
  std::chrono::seconds linger{600};

  // How long the shim waits, without receiving anything, for bytes that the guest reported for a
  // killed process. Then they count as lost, because SIGKILL must end a process regardless of
  // its guest.
  std::chrono::milliseconds silent_guest{10000};

  logger_limits logger = {};
};

namespace limits {

using std::chrono::milliseconds;
using std::chrono::seconds;

// --- answers of the agent ----------------------------------------------------------------------
// A guest that has not answered by then counts as hung, and the call fails. containerd's own
// deadline applies if it is shorter.

inline constexpr seconds hello{10};              // it has just connected
inline constexpr seconds create_container{120};  // crun create; mounts many layers, on a cold disk
inline constexpr seconds start_process{60};  // crun start, crun exec: may be emulated, under load
inline constexpr seconds freeze{30};  // crun pause, resume: processes must leave the kernel first
inline constexpr seconds update_container{60};  // crun update
inline constexpr seconds delete_container{60};  // crun delete, and unmounting
inline constexpr seconds delete_process{5};     // bookkeeping
inline constexpr seconds signal_process{10};    // kill(2); a signal to all reads a cgroup
inline constexpr seconds resize_terminal{10};   // an ioctl
inline constexpr seconds query{5};              // pids, stats, status: reads of /proc and cgroupfs
inline constexpr seconds set_clock{10};

// --- the guest's connections -------------------------------------------------------------------

inline constexpr seconds token{10};  // from connection to token
inline constexpr seconds claim{10};  // from the agent's answer to the stream's connection
inline constexpr std::size_t connections_without_token = 64;  // at a time; further ones are closed
inline constexpr std::size_t entropy_bytes = 64;              // seeds the guest's generator

// --- processes ---------------------------------------------------------------------------------

// If a process has not exited this long after SIGKILL, the machine is killed.
inline constexpr seconds survive_kill{10};

// How long a stream may still deliver after its process was deleted: the rest of the pipe, read by
// an agent that is not stuck.
inline constexpr seconds finish_stream{5};

// The agent answers our Close at once; closing the transport may take this long.
inline constexpr seconds close_stream{10};

// Exit status of a process that is lost with its machine, and of one that had been killed before
// (128 + SIGKILL).
inline constexpr std::uint32_t lost_status = 255;
inline constexpr std::uint32_t killed_status = 137;

// --- delivery ----------------------------------------------------------------------------------

// No event signals that a FIFO's reader has read, so the FIFO is polled: frequently at first, and
// rarely if nothing waits for the result.
inline constexpr milliseconds first_look{1};
inline constexpr milliseconds last_look{50};
inline constexpr milliseconds last_idle_look{250};

// The most that a process can have left in transit to the shim: its pipe and the buffers behind it.
// Beyond the spool's limit it is accepted only if the process was killed and nothing waits for its
// reader any more.
inline constexpr std::uint64_t on_the_way = std::uint64_t{4} << 20U;

// The size of one read or write of a stream: a pipe's default capacity.
inline constexpr std::size_t transfer_buffer = 65536;

// containerd's streaming service: the bytes of one message and the window that the shim grants, as
// at containerd's own end; and the most that a client may grant, more than any does.
inline constexpr std::size_t streamed_message = 32768;
inline constexpr std::int64_t input_window = 65536;
inline constexpr std::int64_t output_window = std::int64_t{1} << 40U;

// --- events ------------------------------------------------------------------------------------

inline constexpr seconds forward_event{5};  // containerd's answer to one event
inline constexpr milliseconds first_event_retry{10};
inline constexpr milliseconds last_event_retry{1000};
inline constexpr std::size_t queued_event_bytes = std::size_t{16} << 20U;

// --- the machine -------------------------------------------------------------------------------

// If one process of a machine ends, the others do too. The exit that explains the failure may be
// noticed this much later than the others.
inline constexpr seconds end_notice{1};

// If the guest does not release a disk within this time, the disk is removed forcibly.
inline constexpr seconds unplug_disk{10};

// With KVM the agent's first output comes within a second; from a guest that hangs it never comes.
inline constexpr seconds probe{10};
inline constexpr std::uint32_t probe_memory_mib = 192;

// How often to check whether another shim has finished its probe.
inline constexpr milliseconds retry_probe_lock{20};

// How long to wait for the end of an exited process's stderr: it ends with the process of the
// machine, unless that has left a child.
inline constexpr seconds last_output{1};

// The guest controls the content and amount of its console output. Longer lines are cut, and the
// last lines are kept for error texts.
inline constexpr std::size_t output_line = 512;
inline constexpr std::size_t kept_output_lines = 8;
inline constexpr std::size_t output_read = 1024;  // at a time

// QEMU's longest answer is far below this. A guest that has taken over QEMU must not make the shim
// hold more.
inline constexpr std::size_t monitor_line = std::size_t{1} << 20U;
inline constexpr std::size_t monitor_read = 4096;  // at a time

// The number of disks that virtio-scsi can address.
inline constexpr std::uint32_t disks = 16384;

// The CID of a guest on hvsock-vsockd. Any would do: each guest has its own device, and so its own
// set of CIDs.
inline constexpr std::uint32_t private_guest_cid = 3;

// How many random CIDs, of 2^31, the shim tries for a guest on the kernel's vsock before it assumes
// that none is free.
inline constexpr int guest_cid_draws = 64;

// How often the guest's clock is set.
inline constexpr seconds clock_interval{30};

// --- the shim itself ---------------------------------------------------------------------------

inline constexpr seconds last_answers{2};  // the last answers, including the one to Shutdown
inline constexpr seconds last_events{5};   // containerd is running: it called Shutdown

// A shim that was started but never called (containerd died in between) exits after this time.
inline constexpr seconds idle{60};

// How long after a start memory is trimmed: not at once, because the answer, the events and calls
// of clients that follow need memory again.
inline constexpr seconds trim_delay{1};

// How long a previous shim of the same sandbox may hold the lock.
inline constexpr seconds lock_sandbox{30};

// How long a killed shim's lock may remain: `delete` runs because its connections are closed, but
// the kernel may not have released the lock yet. containerd waits 5 s for `delete`.
inline constexpr seconds lock_dead_sandbox{3};

// The most containerd may write to the stdin of `start`: containerd's own limit.
inline constexpr std::size_t start_input_bytes = 10'000'000;

// The largest specification: containerd itself can pass a request of at most 4 MiB.
inline constexpr std::size_t specification_bytes = std::size_t{4} << 20U;

}  // namespace limits
}  // namespace shim
