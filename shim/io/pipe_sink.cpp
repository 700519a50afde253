#include "shim/io/pipe_sink.hpp"

#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>

#include "flow/system/retry_interrupted.hpp"

namespace shim {

using boost::asio::posix::descriptor_base;
using flow::awaitable;
using flow::errc;
using flow::error;
using flow::result;
using flow::system_error;

pipe_sink::pipe_sink(const flow::asio::any_io_executor& executor, flow::unique_fd writer)
    : writer_(executor, writer.release()) {}

awaitable<result<std::size_t>> pipe_sink::write_some(flow::asio::const_buffer data) {
  while (writer_.is_open()) {
    const auto n = flow::retry_interrupted(
        [&] { return ::write(writer_.native_handle(), data.data(), data.size()); });
    if (n > 0) {
      co_return static_cast<std::size_t>(n);
    }
    if (errno == EAGAIN) {
      const auto r = co_await writer_.async_wait(descriptor_base::wait_write, flow::as_result);
      if (std::get<0>(r)) {
        break;
      }
    } else {
      co_return system_error("write to pipe");
    }
  }
  co_return error(errc::aborted, "write to pipe");
}

std::uint64_t pipe_sink::unread() {
  int n = 0;
  // A pipe answers at either end.
  if (!writer_.is_open() || ::ioctl(writer_.native_handle(), FIONREAD, &n) != 0) {
    return 0;
  }
  return static_cast<std::uint64_t>(n);
}

bool pipe_sink::has_reader() {
  if (!writer_.is_open()) {
    return false;
  }
  pollfd p{writer_.native_handle(), POLLOUT, 0};
  ::poll(&p, 1, 0);
  return (p.revents & POLLERR) == 0;
}

void pipe_sink::close() {
  flow::error_code ignored;
  writer_.close(ignored);
}

}  // namespace shim
