// Writes to a pipe: a FIFO (see fifo.hpp) or a logger's. The only reader of a logger's pipe is that
// program: once it has exited, nobody can open the pipe again, so it is broken.
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
