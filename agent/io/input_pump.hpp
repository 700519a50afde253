// Carries input from a stream of the shim to a process: into its pipe or its terminal.
#pragma once

#include <boost/asio/posix/stream_descriptor.hpp>

#include "flow/asio.hpp"
#include "flow/stream.hpp"

namespace agent {

class input_pump {
 public:
  enum class sink_kind { pipe, terminal };

  // `sink` is the writing end of a pipe, or a pty's master, non-blocking; it and `from` outlive
  // run().
  input_pump(flow::stream& from, sink_kind kind, boost::asio::posix::stream_descriptor& sink);

  // Returns when the shim has sent its last byte and it was written, when the process no longer
  // reads, or when the stream or the descriptor is closed. The end of input closes a pipe; on a
  // terminal it is typed (VEOF) if the terminal is in canonical mode, and never hangs up.
  flow::awaitable<void> run();

 private:
  flow::awaitable<bool> write_all(const char* data, std::size_t size);
  flow::awaitable<void> end_of_input();

  flow::stream& from_;
  sink_kind kind_;
  boost::asio::posix::stream_descriptor& sink_;
  bool line_open_ = false;  // the last byte was not the end of a line
};

}  // namespace agent
