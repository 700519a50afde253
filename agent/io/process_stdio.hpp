// The streams of one process: the host's end of each, the process's end, and what moves the bytes.
//
//   pipes:     shim -- stdin stream --> pipe --> process --> pipe -- stdout stream --> shim
//                                                      \--> pipe -- stderr stream --> shim
//   terminal:  shim <-- one stream, both ways --> pty master <--> process
//
// Our end of an output stream stays open until the shim has said Close, which it does when it has
// every byte; only then is the connection closed.
#pragma once

#include <boost/asio/posix/stream_descriptor.hpp>
#include <memory>
#include <optional>

#include "agent/io/input_pump.hpp"
#include "agent/io/output_pump.hpp"
#include "agent/io/process_descriptors.hpp"
#include "agent/io/shim_dialer.hpp"
#include "flow/system/log.hpp"
#include "flow/task_group.hpp"
#include "flow/unique_fd.hpp"
#include "hvsock/agent/v1/agent.pb.h"

namespace agent {

class process_stdio {
 public:
  // `log` must outlive the object.
  process_stdio(const flow::asio::any_io_executor& executor, flow::log& log);

  // Connects the streams that `wanted` names and makes the pipes. invalid_argument: a terminal
  // without stdout, or a token of the wrong size.
  flow::awaitable<flow::result<void>> open(shim_dialer& shim,
                                           const hvsock::agent::v1::Stdio& wanted);

  // The process's ends of the pipes, to hand to the OCI runtime; then closed here.
  process_descriptors process_ends() const;
  void close_process_ends();

  // The pty's master; only if open() was asked for a terminal. The size of anything else is
  // ignored; a side above 65535 is invalid_argument.
  void attach_terminal(flow::unique_fd master);
  flow::result<void> resize(std::uint32_t width, std::uint32_t height);

  // Begins to move bytes. The object must not be destroyed before join() has returned.
  void start();

  // Bytes the process has written to each stream; to be asked once it has been reaped.
  std::uint64_t stdout_written_at_exit();
  std::uint64_t stderr_written_at_exit();

  // Ends the output streams after what is in the pipes now.
  void finish();

  // Aborts every stream; what is still in them is lost.
  void abort();

  // Returns when every stream has been closed by the shim, was lost or aborted.
  flow::awaitable<void> join();

 private:
  struct channel {
    std::optional<flow::stream> stream;
    flow::unique_fd process_end;
    std::optional<boost::asio::posix::stream_descriptor> our_end;
    std::optional<input_pump> input;
    std::optional<output_pump> output;
  };

  flow::awaitable<flow::result<void>> connect(shim_dialer& shim,
                                              const hvsock::agent::v1::Stream& wanted, channel& to);
  flow::result<void> make_pipe(channel& to, bool process_reads);
  flow::awaitable<void> run_input(channel& c);
  flow::awaitable<void> run_output(channel& c);
  flow::awaitable<void> run_terminal(channel& c);
  flow::awaitable<void> close_after_shim(channel& c);

  flow::asio::any_io_executor executor_;
  bool terminal_ = false;
  channel stdin_;
  channel stdout_;  // a terminal's both directions
  channel stderr_;
  flow::task_group tasks_;
};

}  // namespace agent
