#include "tests/unit/agent/io/descriptors.hpp"

#include <fcntl.h>
#include <pty.h>
#include <termios.h>

#include <array>
#include <cerrno>
#include <vector>

namespace tests {
namespace {

descriptor adopt(const boost::asio::any_io_executor& executor, int fd) {
  EXPECT_EQ(::fcntl(fd, F_SETFL, O_NONBLOCK | O_RDWR), 0);
  return {executor, fd};
}

std::array<int, 2> make_pipe() {
  std::array<int, 2> ends{};
  EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  return ends;
}

}  // namespace

descriptor_pair output_pipe(const boost::asio::any_io_executor& executor) {
  const auto ends = make_pipe();
  return {.agent = adopt(executor, ends[0]), .process = adopt(executor, ends[1])};
}

descriptor_pair input_pipe(const boost::asio::any_io_executor& executor) {
  const auto ends = make_pipe();
  return {.agent = adopt(executor, ends[1]), .process = adopt(executor, ends[0])};
}

descriptor_pair terminal(const boost::asio::any_io_executor& executor) {
  int master = -1;
  int slave = -1;
  EXPECT_EQ(::openpty(&master, &slave, nullptr, nullptr, nullptr), 0);
  return {.agent = adopt(executor, master), .process = adopt(executor, slave)};
}

void make_raw(descriptor& slave) {
  const int fd = slave.native_handle();
  termios settings{};
  EXPECT_EQ(::tcgetattr(fd, &settings), 0);
  ::cfmakeraw(&settings);
  EXPECT_EQ(::tcsetattr(fd, TCSANOW, &settings), 0);
}

flow::awaitable<void> write_all(descriptor& to, std::string text) {
  const auto r = co_await boost::asio::async_write(to, boost::asio::buffer(text), flow::as_result);
  EXPECT_FALSE(std::get<0>(r)) << std::get<0>(r).message();
}

std::string read_now(descriptor& from) {
  std::string all;
  std::vector<char> buffer(65536);
  for (;;) {
    const auto n = ::read(from.native_handle(), buffer.data(), buffer.size());
    if (n <= 0) {
      return all;
    }
    all.append(buffer.data(), static_cast<std::size_t>(n));
  }
}

flow::awaitable<std::string> read_up_to(descriptor& from, std::size_t size) {
  std::string all;
  std::vector<char> buffer(65536);
  while (all.size() < size) {
    const auto wanted = std::min(buffer.size(), size - all.size());
    const auto piece = boost::asio::buffer(buffer.data(), wanted);
    const auto r = co_await from.async_read_some(piece, flow::as_result);
    const auto& [ec, n] = r;
    all.append(buffer.data(), n);
    if (ec) {
      break;
    }
  }
  co_return all;
}

}  // namespace tests
