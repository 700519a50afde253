// Carries the output of a process, from its pipe or its terminal, to a stream of the shim.
#pragma once

#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstdint>
#include <limits>
#include <span>
#include <string>

#include "flow/asio.hpp"
#include "flow/stream.hpp"

namespace agent {

class output_pump {
 public:
  enum class source_kind { pipe, terminal };

  // `source` is the reading end of a pipe, or a pty's master, borrowed with its descriptor flags
  // set to non-blocking; source and `to` outlive run().
  output_pump(boost::asio::posix::stream_descriptor& source, source_kind kind, flow::stream& to);

  // Returns when the source has ended, or after finish(), and everything read from it has been
  // accepted by the stream, ShutdownWrite included. If the stream is lost, the output is still read,
  // and discarded: a process must not block because its reader was lost.
  flow::awaitable<void> run();

  // How many bytes the process has written. Call it once the process has been reaped: everything it
  // wrote is then in the pipe or was read from it. What other processes write later is not included.
  std::uint64_t written_at_exit();

  // Makes run() take what is in the source now and return, even if others still write to it.
  void finish();

 private:
  static constexpr std::uint64_t no_end = std::numeric_limits<std::uint64_t>::max();

  enum class read_result { data, nothing_now, end };
  struct piece {
    read_result result;
    std::size_t size = 0;
  };

  piece read_source(std::span<char> buffer);
  flow::awaitable<void> send(std::span<const char> data);

  boost::asio::posix::stream_descriptor& source_;
  source_kind kind_;
  flow::stream& to_;
  std::uint64_t read_ = 0;  // bytes taken from the source so far
  std::string backlog_;     // read ahead of the stream by written_at_exit(), sent first
  bool source_ended_ = false;
  std::uint64_t end_at_ = no_end;  // where finish() found the end
  bool stream_lost_ = false;
};

}  // namespace agent
