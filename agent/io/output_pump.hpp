// Carries what a process writes, from its pipe or its terminal, to a stream of the host.
#pragma once

#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string>

#include "flow/asio.hpp"
#include "flow/stream.hpp"
#include "flow/unique_fd.hpp"

namespace agent {

class output_pump {
 public:
  enum class source_kind { pipe, terminal };

  // `source` is the reading end of a pipe, or a pty's master, borrowed with its descriptor flags
  // set to non-blocking; source and `to` outlive run().
  output_pump(boost::asio::posix::stream_descriptor& source, source_kind kind, flow::stream& to);

  // Returns when the source has ended, or after finish(), and everything read from it has been
  // accepted by the stream, ShutdownWrite included. If the stream is lost, what the process writes
  // is read and dropped, for a process must not block on a reader that is gone.
  flow::awaitable<void> run();

  // How many bytes the process has written, to be asked once it has been reaped: everything it
  // wrote is then in the pipe or was read from it. Later output of others is not included.
  std::uint64_t written_at_exit();

  // Take what is in the source now and end, whoever may still hold it open or write to it.
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
