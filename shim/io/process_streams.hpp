// The three streams of a process, or the one of its terminal: the client's ends, the guest's ends,
// and what moves the bytes between them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "flow/asio.hpp"
#include "flow/clock.hpp"
#include "flow/system/log.hpp"
#include "flow/task_group.hpp"
#include "shim/config/limits.hpp"
#include "shim/io/input.hpp"
#include "shim/io/logger.hpp"
#include "shim/io/outputs.hpp"
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

// The streams that a client wants for a process.
struct stdio_request {
  std::string name;  // the process's, for the log
  stdio_owner owner;
  stdio_names names;
};

// What they are opened with. It outlives them, but for the executor.
struct stdio_context {
  flow::asio::any_io_executor executor;
  streaming& connected;  // where clients connect streams to us
  const delivery_limits& limits;
  flow::log& log;
};

class process_streams {
 public:
  // Opens the client's ends, or lets them be connected.
  static flow::result<std::unique_ptr<process_streams>> open(const stdio_context& with,
                                                             const stdio_request& wanted);
  process_streams(const stdio_context& with, const stdio_request& wanted);
  process_streams(const process_streams&) = delete;
  process_streams& operator=(const process_streams&) = delete;

  // Returns when the client's ends can be written to: a logger has to signal it.
  flow::awaitable<flow::result<void>> ready();

  // Fills in what the agent needs to connect its ends to `from`.
  hvsock::agent::v1::Stdio expect(guest& from);

  // Waits for the agent's ends and lets the bytes move. After the agent has answered that it
  // connected them.
  flow::awaitable<flow::result<void>> attach();

  // The agent will not connect: the client's ends are closed.
  void give_up();

  void close_io();

  // Returns when every byte of output up to these offsets is safe; see delivery::wait_safe().
  flow::awaitable<void> wait_safe(std::uint64_t stdout_bytes, std::uint64_t stderr_bytes) {
    return outputs_.wait_safe(stdout_bytes, stderr_bytes);
  }

  // As above for a process that was lost with its machine: safe up to the streams' ends.
  flow::awaitable<void> wait_safe_to_end() { return outputs_.wait_safe_to_end(); }

  // See delivery::expedite().
  void expedite() { outputs_.expedite(); }

  // The process has exited: nobody reads its input.
  void process_ended();

  // Takes what is still to come into the spools, and returns when both streams have ended or
  // `limit` has passed; then they are cut off. Within the limit a logger is waited for, too.
  flow::awaitable<void> finish(flow::clock::duration limit);

  // Returns when all was delivered, or cannot be, and nothing runs any more. After finish().
  flow::awaitable<void> linger();

  // Where the bytes of each output are.
  output_reports report() const { return outputs_.report(); }
  std::uint64_t lost() const { return report().lost(); }
  bool delivered() const { return report().delivered(); }
  bool truncated() const { return report().truncated(); }

  // Writes the report to the log, a line for each output.
  void log_report() const { outputs_.log_report(); }

 private:
  struct guest_end {
    std::unique_ptr<guest::expected_stream> expected;
    std::optional<flow::stream> stream;

    flow::stream* get() noexcept { return stream ? &*stream : nullptr; }
  };

  flow::result<void> open_input(const std::string& name);
  flow::result<void> open_outputs(const stdio_request& wanted);
  flow::result<std::unique_ptr<sink>> open_output(const stdio_uri& uri, const stdio_owner& owner,
                                                  std::unique_ptr<sink> (logger::*end)());
  flow::awaitable<flow::result<void>> claim(guest_end& end);
  flow::awaitable<void> serve_input(flow::stream& to);

  stdio_context with_;
  bool terminal_;
  bool started_ = false;  // the outputs run: attach() has succeeded, or give_up() was called
  guest_end stdin_end_;
  guest_end stdout_end_;  // of a terminal: both directions
  guest_end stderr_end_;
  std::unique_ptr<input> input_;
  std::unique_ptr<logger> logger_;
  outputs outputs_;
  flow::task_group tasks_;
};

}  // namespace shim
