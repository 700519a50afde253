// Brings one output stream of a process to its sink, and knows at any moment where every byte is.
//
//   guest pipe -> stream -> spool -> sink -> client
//                 received  written  unread
//
// While the process runs, at most one buffer is under way here: a sink that takes nothing stops the
// reading, and the process feels its reader as it would with a pipe. When the process has exited
// and its reader is slow, the rest is taken into the spool, so that the exit can be told and the
// guest can go, while delivery goes on for as long as it takes.
//
// Owned by the process it belongs to and, after the process was deleted, by whoever lingers for it.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "flow/asio.hpp"
#include "flow/event.hpp"
#include "flow/stream.hpp"
#include "flow/system/log.hpp"
#include "flow/task_group.hpp"
#include "shim/config/limits.hpp"
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

  // The stream will never be connected.
  void start_without_stream();

  // Returns when all bytes up to `offset` are safe:
  //   - read by the client, or written to the file;
  //   - held here and in the FIFO, if nobody reads it now, or if its reader has not begun to read
  //     for limits.stalled_after: it may read what it likes when it likes;
  //   - held here and in the FIFO, if its reader had begun and has stalled for limits.linger.
  //     containerd's clients (ctr, nerdctl) close the FIFO once they hear of the exit; telling it
  //     to one that is only slow would make it lose what it has not read.
  // If the stream ended before `offset`, what is missing is logged and counted as lost, and what
  // came is what is waited for.
  flow::awaitable<void> wait_safe(std::uint64_t offset);

  // As above for a stream whose process is known to be gone without a word: its end is the offset.
  flow::awaitable<void> wait_safe_to_end();

  // The end of the process is wanted at any price: a reader that had begun to read is not waited
  // for longer than one that had not, and a silent guest no longer than limits.silent_guest.
  void expedite();

  // From now on take what comes into the spool, up to the end of the stream, whatever the reader
  // does.
  void take_all();

  // The stream has ended and every byte of it is held here or delivered.
  flow::awaitable<void> wait_received();

  // Returns when everything has been delivered, or could not be: no reader is left, or none of it
  // has moved for limits.linger.
  flow::awaitable<void> linger();

  // Ends delivery at once; what was not delivered is counted as lost.
  void abandon(const char* reason);

  // Returns when nothing runs any more. Ends only by itself: after the end of the stream and the
  // delivery of all, or after abandon().
  flow::awaitable<void> join();

  std::uint64_t received() const noexcept { return received_; }
  std::uint64_t lost() const noexcept { return lost_; }
  bool delivered() const noexcept { return done_; }

  // The transport ended before the guest said that there is no more.
  bool truncated() const noexcept { return truncated_; }

 private:
  flow::awaitable<void> read_stream(flow::stream& from);
  flow::awaitable<void> write_sink();
  flow::awaitable<void> wait_read_by_client();
  flow::awaitable<bool> wait_room();
  flow::awaitable<void> keep(std::span<const char> data);
  std::uint64_t taken() { return written_ - sink_->unread(); }
  void update_progress();
  bool stalled_for(std::chrono::steady_clock::duration time);
  bool guest_is_silent() const;
  bool reader_hangs_up();
  bool all_delivered_up_to(std::uint64_t offset);
  void lose(std::uint64_t bytes, const char* reason);
  void sink_failed(const flow::error& e);

  flow::asio::any_io_executor executor_;
  std::string name_;
  std::unique_ptr<sink> sink_;
  const delivery_limits& limits_;
  flow::log& log_;
  spool spool_;
  flow::event changed_;

  std::uint64_t received_ = 0;  // from the stream
  std::uint64_t written_ = 0;   // to the sink, or dropped because it failed
  std::uint64_t lost_ = 0;
  bool ended_ = false;  // the stream, for whatever reason
  bool truncated_ = false;
  bool spooling_ = false;  // read on although the sink takes nothing
  bool sink_failed_ = false;
  bool expedited_ = false;
  bool abandoned_ = false;
  bool done_ = false;

  std::uint64_t last_taken_ = 0;
  std::chrono::steady_clock::time_point last_progress_;
  std::chrono::steady_clock::time_point last_received_;
  flow::task_group tasks_;
};

}  // namespace shim
