// The three streams of a process, or the one of its terminal: the client's ends, the guest's ends,
// and what moves the bytes between them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "flow/asio.hpp"
#include "flow/system/log.hpp"
#include "flow/task_group.hpp"
#include "shim/io/delivery.hpp"
#include "shim/io/input.hpp"
#include "shim/io/logger.hpp"
#include "shim/io/streaming.hpp"
#include "shim/sandbox/guest.hpp"

namespace shim {

// As the client named them; see open_sink(), logger and streaming.
// `in` is a FIFO, a stream, or empty.
// If `out` is a file or a logger, it takes stderr too, whatever `err` says, unless that is empty.
struct stdio_names {
  std::string in;
  std::string out;
  std::string err;
  bool terminal = false;
};

class process_streams {
 public:
  // Opens the client's ends, or lets them be connected to `connected`. `name` is for the log;
  // `connected`, limits and log outlive the object.
  static flow::result<std::unique_ptr<process_streams>> open(
      const flow::asio::any_io_executor& executor, const std::string& name,
      const stdio_owner& owner, const stdio_names& names, streaming& connected,
      const delivery_limits& limits, flow::log& log);
  process_streams(const flow::asio::any_io_executor& executor, streaming& connected,
                  flow::log& log);
  process_streams(const process_streams&) = delete;
  process_streams& operator=(const process_streams&) = delete;

  // Returns when the client's ends can be written to: a logger has to say so itself.
  flow::awaitable<flow::result<void>> ready();

  // Fills in what the agent needs to connect its ends to `from`.
  hvsock::agent::v1::Stdio expect(guest& from);

  // Waits for the agent's ends and lets the bytes move. After the agent has said that it connected.
  flow::awaitable<flow::result<void>> attach();

  // The agent will not connect: the client's ends are closed.
  void give_up();

  void close_io();

  // Returns when every byte of output up to these offsets is safe; see delivery::wait_safe().
  flow::awaitable<void> wait_safe(std::uint64_t stdout_bytes, std::uint64_t stderr_bytes);

  // As above, where the process is known to be gone without a word: safe up to the streams' ends.
  flow::awaitable<void> wait_safe_to_end();

  // See delivery::expedite().
  void expedite();

  // The process has exited: nobody reads its input.
  void process_ended();

  // Takes what is still to come into the spools, and returns when both streams have ended or
  // `limit` has passed; then they are cut off. Within the limit a logger is waited for, too.
  flow::awaitable<void> finish(std::chrono::steady_clock::duration limit);

  // Returns when all was delivered, or cannot be, and nothing runs any more. After finish().
  flow::awaitable<void> linger();

  // Output bytes that could not be delivered, so far.
  std::uint64_t lost() const;

  // All output has been delivered.
  bool delivered() const;

 private:
  struct guest_end {
    std::unique_ptr<guest::expected_stream> expected;
    std::optional<flow::stream> stream;
  };

  flow::result<std::unique_ptr<source>> open_input(const std::string& name);
  flow::result<void> open_outputs(const std::string& name, const stdio_owner& owner,
                                  const stdio_names& names, const delivery_limits& limits);
  flow::result<std::unique_ptr<sink>> open_output(const stdio_uri& uri, const stdio_owner& owner,
                                                  const logger_limits& limits,
                                                  std::unique_ptr<sink> (logger::*end)());
  flow::awaitable<flow::result<void>> claim(guest_end& end);
  flow::awaitable<void> serve_input(flow::stream& to);

  flow::asio::any_io_executor executor_;
  streaming& connected_;
  flow::log& log_;
  bool terminal_ = false;
  bool attached_ = false;  // attach() or give_up() has let the outputs run
  guest_end stdin_end_;
  guest_end stdout_end_;  // of a terminal: both directions
  guest_end stderr_end_;
  std::unique_ptr<input> input_;
  std::unique_ptr<logger> logger_;
  std::unique_ptr<delivery> stdout_;
  std::unique_ptr<delivery> stderr_;
  flow::task_group tasks_;
};

}  // namespace shim
