// Every deadline and bound of the shim, with its reason. Those that an operator may change have
// their range in config.cpp; the others are fixed.
//
// A deadline is how long something may take before the shim goes on without it. Each ends in an
// error, or in a harder way to the same end, and never in silence.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace shim {

// How a logging program (binary://) is treated.
struct logger_limits {
  // It must signal readiness within this.
  std::chrono::milliseconds ready{30000};

  // After both of its pipes are closed it may take this long to exit before it is sent SIGTERM; and
  // then this long before SIGKILL. `end` follows delivery_limits::linger.
  std::chrono::milliseconds end{600000};
  std::chrono::milliseconds terminate{12000};
};

// How output is delivered; see shim/io/delivery.hpp for the rules.
struct delivery_limits {
  // A reader that has taken nothing for this long counts as stalled once the process has exited.
  // Configurable, 0 or more.
  std::chrono::milliseconds stalled_after{2000};

  // The most a spool may hold, in bytes. A stalled reader whose rest is larger holds back the exit.
  // Configurable, 1 MiB to 64 GiB.
  std::uint64_t spool = std::uint64_t{16} << 20U;

  // How long a stalled reader is waited for while no byte moves: before the exit is published if it
  // had begun to read, and after the process was deleted. Configurable, 0 or more.
  std::chrono::seconds linger{600};

  // How long a guest may be silent about bytes that it reported for a killed process. Then they
  // count as lost: SIGKILL ends a process, whatever its guest does.
  std::chrono::milliseconds silent_guest{10000};

  logger_limits logger = {};
};

namespace limits {

using std::chrono::milliseconds;
using std::chrono::seconds;

// --- answers of the agent ----------------------------------------------------------------------
// A guest that has not answered by then counts as hung, and the call fails. containerd's own
// deadline, if it is shorter, comes first.

inline constexpr seconds hello{10};              // it has just connected
inline constexpr seconds create_container{120};  // crun create; mounts many layers, on a cold disk
inline constexpr seconds start_process{60};      // crun start, crun exec: emulated, and under load
inline constexpr seconds freeze{30};  // crun pause, resume: processes in the kernel come first
inline constexpr seconds update_container{60};  // crun update
inline constexpr seconds delete_container{60};  // crun delete, and unmounting
inline constexpr seconds delete_process{5};     // bookkeeping
inline constexpr seconds signal_process{10};    // kill(2); a signal to all reads a cgroup
inline constexpr seconds resize_terminal{10};   // an ioctl
inline constexpr seconds query{5};              // pids, stats, status: reads of /proc and cgroupfs
inline constexpr seconds set_clock{10};

// --- the guest's connections -------------------------------------------------------------------

inline constexpr seconds token{10};  // from its connection to its token
inline constexpr seconds claim{10};  // from the agent's answer to the stream's connection
inline constexpr std::size_t connections_without_token = 64;  // at a time; one more is closed
inline constexpr std::size_t entropy_bytes = 64;              // given to the guest's generator

// --- processes ---------------------------------------------------------------------------------

// A process that was sent SIGKILL has exited by then, or the machine is ended.
inline constexpr seconds survive_kill{10};

// What a stream may still bring after its process was deleted: what was in the pipe, read by an
// agent that is not stuck.
inline constexpr seconds finish_stream{5};

// The agent answers our Close at once; the transport may take this long to go.
inline constexpr seconds close_stream{10};

// Exit status of what is lost with its machine, and of what was killed before (128 + SIGKILL).
inline constexpr std::uint32_t lost_status = 255;
inline constexpr std::uint32_t killed_status = 137;

// --- delivery ----------------------------------------------------------------------------------

// No event tells when a FIFO's reader has read: it has to be looked at, soon at first; seldom if
// nobody waits for the answer.
inline constexpr milliseconds first_look{1};
inline constexpr milliseconds last_look{50};
inline constexpr milliseconds last_idle_look{250};

// What a process may have left on the way to the shim: its pipe and the buffers behind it. Beyond
// the spool's limit it is taken only from a killed one, for whose reader nobody waits any more.
inline constexpr std::uint64_t on_the_way = std::uint64_t{4} << 20U;

// One read or write of a stream: a pipe's usual capacity.
inline constexpr std::size_t transfer_buffer = 65536;

// --- events ------------------------------------------------------------------------------------

inline constexpr seconds forward_event{5};  // containerd's answer to one event
inline constexpr milliseconds first_event_retry{10};
inline constexpr milliseconds last_event_retry{1000};
inline constexpr std::size_t queued_event_bytes = std::size_t{16} << 20U;

// --- the machine -------------------------------------------------------------------------------

// If one process of a machine ends, the others do too. The one whose end explains it may be noticed
// this much later.
inline constexpr seconds end_notice{1};

// A guest that does not release a disk within this has it pulled out.
inline constexpr seconds unplug_disk{10};

// With KVM the agent speaks within a second; a guest that hangs never does.
inline constexpr seconds probe{10};
inline constexpr std::uint32_t probe_memory_mib = 192;

// Another shim may be probing: how often to look whether it has done so.
inline constexpr milliseconds retry_probe_lock{20};

// A process of a machine has exited: its stderr ends with it, unless it left a child behind.
inline constexpr seconds last_output{1};

// A guest decides what its console says, and how much. A longer line is cut; of the lines the last
// ones are kept for an error's text.
inline constexpr std::size_t output_line = 512;
inline constexpr std::size_t kept_output_lines = 8;
inline constexpr std::size_t output_read = 1024;  // at a time

// QEMU's longest answer to what it is asked is far below this. A guest that has taken QEMU over
// must not make the shim hold more.
inline constexpr std::size_t monitor_line = std::size_t{1} << 20U;
inline constexpr std::size_t monitor_read = 4096;  // at a time

// As virtio-scsi addresses them.
inline constexpr std::uint32_t disks = 16384;

// The CID of a guest on hvsock-vsockd. Any would do: each of them has a device, and so a world of
// CIDs, to itself.
inline constexpr std::uint32_t private_guest_cid = 3;

// How many CIDs are drawn for a guest on the kernel's vsock, of 2^31, before the shim believes that
// none is free.
inline constexpr int guest_cid_draws = 64;

// How often the guest's clock is set.
inline constexpr seconds clock_interval{30};

// --- the shim itself ---------------------------------------------------------------------------

inline constexpr seconds last_answers{
    2};  // answers under way at the end, that to Shutdown among them
inline constexpr seconds last_events{5};  // containerd is there: it has just asked the shim to end

// A shim that was started and then given nothing to do (containerd died in between) ends by itself.
inline constexpr seconds idle{60};

// Memory is given back this long after a start: what follows it (the answer, events, calls of
// clients) needs some again.
inline constexpr seconds trim_delay{1};

// A predecessor of the same sandbox may hold the lock for this long.
inline constexpr seconds lock_sandbox{30};

// A shim that was killed has closed its connections, which is why `delete` runs, but the kernel may
// not have released its lock yet. containerd waits 5 s for `delete`.
inline constexpr seconds lock_dead_sandbox{3};

// What containerd may write to the stdin of `start`: its own limit.
inline constexpr std::size_t start_input_bytes = 10'000'000;

// A specification: what containerd itself would pass, a request of at most 4 MiB.
inline constexpr std::size_t specification_bytes = std::size_t{4} << 20U;

}  // namespace limits
}  // namespace shim
