// Brings one output stream of a process to its sink, and knows at any moment where every byte is.
//
//   guest pipe -> stream -> spool -> sink -> client
//                received   `---- held ---'  delivered
//
// While the process runs, at most one buffer is under way here: a sink that takes nothing stops the
// reading, and the process is held up as by any pipe. When the process has exited and its reader is
// slow, the rest is taken into the spool, so that the exit can be published and the guest's side
// can end, while delivery goes on for as long as it takes.
//
// Each side has a state of its own:
//
//   source   awaited --start()----------------> flowing --ShutdownWrite---> ended
//               |                                  `------any other end---> truncated
//               `------start_without_stream()---> absent
//
//   sink     delivering --source is over and everything was read--> delivered
//               |-------write error, or its only reader exited----> failed
//               `-------abandon()---------------------------------> abandoned
//
// and these go together:
//
//               delivering   delivered   failed   abandoned
//   awaited         +            -          -         +
//   flowing         +            -          +         +
//   ended           +            +          +         +
//   truncated       +            +          +         +
//   absent          +            +          -         -     there was nothing to lose
//
// The rules that the code names are those of shim/DESIGN.md, "Delivery".
//
// Owned by the process it belongs to and, after the process was deleted, by whoever lingers for it.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "flow/asio.hpp"
#include "flow/clock.hpp"
#include "flow/event.hpp"
#include "flow/stream.hpp"
#include "flow/system/log.hpp"
#include "flow/task_group.hpp"
#include "shim/config/limits.hpp"
#include "shim/io/delivery_report.hpp"
#include "shim/io/sink.hpp"
#include "shim/io/spool.hpp"

namespace shim {

class delivery {
 public:
  // `name` is for the log ("redis stdout"); `log` and `limits` outlive the object.
  delivery(const flow::asio::any_io_executor& executor, std::string name, std::unique_ptr<sink> to,
           const delivery_limits& limits, flow::log& log);
  delivery(const delivery&) = delete;
  delivery& operator=(const delivery&) = delete;
  ~delivery();

  // `from` is the stream the guest connected; it outlives join(). Once.
  void start(flow::stream& from);

  // The stream will never be connected. Instead of start().
  void start_without_stream();

  // Returns when all bytes up to `offset`, which is what the process had written when it exited,
  // are safe:
  //   - read by the client, or written to the file;
  //   - held, if nobody reads now, or if the reader has not begun to read for
  //     limits.stalled_after: it may read what it likes when it likes;
  //   - held, if the reader had begun and has stalled for limits.linger. containerd's clients (ctr,
  //     nerdctl) close the FIFO on the exit event; published to one that is only slow, it would
  //     make it lose what it has not read.
  // If the stream was over before `offset`, what is missing is logged and counted as lost, and
  // only what came is waited for.
  flow::awaitable<void> wait_safe(std::uint64_t offset);

  // As above for a process that was lost with its machine: the end of the stream is the offset.
  flow::awaitable<void> wait_safe_to_end();

  // The exit is wanted now (SIGKILL): a reader that had begun to read is not waited for longer than
  // one that had not, and a silent guest no longer than limits.silent_guest.
  void expedite();

  // From now on what comes is taken into the spool, up to the end of the stream, whatever the
  // reader does.
  void take_all();

  // Returns when the source is over: every byte of it is held or delivered, or lost.
  flow::awaitable<void> wait_received();

  // Returns when everything was delivered, or cannot be: no reader is left, or no byte has moved
  // for limits.linger. After wait_received().
  flow::awaitable<void> linger();

  // Ends delivery at once; what is held counts as lost. Does nothing if all was delivered or the
  // sink has failed.
  void abandon(const char* reason);

  // Returns when nothing runs any more. Ends only by itself: after the end of the stream and the
  // delivery of all, or after abandon() and the end of the stream.
  flow::awaitable<void> join();

  delivery_report report() const;

 private:
  flow::awaitable<void> read_stream(flow::stream& from);
  flow::awaitable<void> keep(std::span<const char> data);
  bool has_room() const;
  void end_source(const flow::error& why);
  bool source_is_over() const;

  flow::awaitable<void> write_sink();
  void account_written(const flow::result<std::size_t>& written);
  flow::awaitable<void> wait_read_by_client();
  void fail(const flow::error& why);
  void conclude(sink_state how);

  std::uint64_t unread() const;
  std::uint64_t delivered() const { return handed_ - unread(); }
  std::uint64_t held() const { return received_ - delivered() - dropped_; }
  bool delivered_up_to(std::uint64_t offset) const;

  flow::awaitable<void> look_until(flow::event::condition decided, std::chrono::milliseconds rest);
  bool look_at_exit(std::uint64_t offset);
  bool look_at_lingering();
  void restart_clocks();
  void note_progress();
  bool has_reader() const;
  bool still_for(flow::clock::duration time) const;
  bool reader_would_hang_up() const;
  bool guest_is_silent() const;

  std::string name_;
  std::unique_ptr<sink> sink_;
  const delivery_limits& limits_;
  flow::log& log_;
  spool spool_;
  flow::event changed_;

  source_state source_state_ = source_state::awaited;
  sink_state sink_state_ = sink_state::delivering;

  // Requests, never taken back.
  bool reading_ahead_ = false;  // take_all()
  bool expedited_ = false;

  // Bytes; see delivery_report.
  std::uint64_t received_ = 0;
  std::uint64_t handed_ = 0;  // to the sink, which may hold some of them
  std::uint64_t dropped_ = 0;
  std::uint64_t exit_offset_ = 0;  // what the process had written, once that was waited for

  std::uint64_t last_delivered_ = 0;
  flow::clock::time_point last_progress_;
  flow::clock::time_point last_received_;
  flow::task_group tasks_;
};

}  // namespace shim
