#include "agent/io/input_pump.hpp"

#include <poll.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <vector>

#include "agent/limits.hpp"
#include "flow/system/retry_interrupted.hpp"

namespace agent {

using flow::as_result;
using flow::awaitable;

namespace {

// A full terminal whose last slave is closed never has room again, but a wait for room returns at
// once.
bool hung_up(int fd) {
  pollfd p{.fd = fd, .events = POLLOUT, .revents = 0};
  return ::poll(&p, 1, 0) > 0 && (p.revents & POLLHUP) != 0;
}

}  // namespace

input_pump::input_pump(flow::stream& from, sink_kind kind,
                       boost::asio::posix::stream_descriptor& sink)
    : from_(from), kind_(kind), sink_(sink) {}

awaitable<void> input_pump::run() {
  std::vector<char> buffer(limits::input_buffer);
  for (;;) {
    const auto n = co_await from_.read_some(boost::asio::buffer(buffer));
    if (!n) {
      if (n.error().code() == boost::asio::error::eof) {
        co_await end_of_input();
      }
      break;
    }
    line_open_ = buffer[n.value() - 1] != '\n';
    const bool written = co_await write_all(buffer.data(), n.value());
    if (!written) {
      break;
    }
  }
  // The shim learns that nobody reads; any reader of the pipe that is left reads the end of input.
  static_cast<void>(co_await from_.shutdown_read());
  if (kind_ == sink_kind::pipe) {
    flow::error_code ignored;
    sink_.close(ignored);
  }
}

awaitable<bool> input_pump::write_all(const char* data, std::size_t size) {
  while (size > 0) {
    const auto n =
        flow::retry_interrupted([&] { return ::write(sink_.native_handle(), data, size); });
    if (n >= 0) {
      data += n;
      size -= static_cast<std::size_t>(n);
    } else if (errno == EAGAIN && !hung_up(sink_.native_handle())) {
      const auto r =
          co_await sink_.async_wait(boost::asio::posix::descriptor_base::wait_write, as_result);
      if (std::get<0>(r)) {
        co_return false;
      }
    } else {
      co_return false;
    }
  }
  co_return true;
}

awaitable<void> input_pump::end_of_input() {
  if (kind_ == sink_kind::pipe) {
    co_return;
  }
  termios settings{};
  if (::tcgetattr(sink_.native_handle(), &settings) != 0) {
    co_return;
  }
  // A program that switched the terminal to raw mode would read the character as data.
  if ((settings.c_lflag & ICANON) == 0) {
    co_return;
  }
  // After an unfinished line the first character only passes that line on.
  const std::array<char, 2> end{static_cast<char>(settings.c_cc[VEOF]),
                                static_cast<char>(settings.c_cc[VEOF])};
  co_await write_all(end.data(), line_open_ ? 2 : 1);
}

}  // namespace agent
