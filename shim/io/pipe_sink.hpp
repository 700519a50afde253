// Writes to a pipe, one with a name (see fifo.hpp) or a logger's. Of the latter the reader is a
// program of its own: when that is gone, nobody can come back, so the pipe is broken.
#pragma once

#include <boost/asio/posix/stream_descriptor.hpp>

#include "flow/asio.hpp"
#include "flow/unique_fd.hpp"
#include "shim/io/sink.hpp"

namespace shim {

class pipe_sink final : public sink {
 public:
  // `writer` is a pipe's writing end, and does not block.
  pipe_sink(const flow::asio::any_io_executor& executor, flow::unique_fd writer);

  flow::awaitable<flow::result<std::size_t>> write_some(flow::asio::const_buffer data) override;
  std::uint64_t unread() override;
  bool has_reader() override;
  bool broken() override { return !has_reader(); }
  void close() override;

  bool is_open() const noexcept { return writer_.is_open(); }

 private:
  boost::asio::posix::stream_descriptor writer_;
};

}  // namespace shim
