#include "agent/io/output_pump.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <vector>

#include "agent/limits.hpp"
#include "flow/frame.hpp"
#include "flow/system/retry_interrupted.hpp"

namespace agent {

using flow::as_result;
using flow::awaitable;

output_pump::output_pump(boost::asio::posix::stream_descriptor& source, source_kind kind,
                         flow::stream& to)
    : source_(source), kind_(kind), to_(to) {}

output_pump::piece output_pump::read_source(std::span<char> buffer) {
  const auto n = flow::retry_interrupted(
      [&] { return ::read(source_.native_handle(), buffer.data(), buffer.size()); });
  if (n > 0) {
    read_ += static_cast<std::uint64_t>(n);
    return {read_result::data, static_cast<std::size_t>(n)};
  }
  if (n < 0 && errno == EAGAIN) {
    return {read_result::nothing_now};
  }
  // A pty's master reports EIO once its last slave is closed and its output has been read.
  source_ended_ = true;
  return {read_result::end};
}

awaitable<void> output_pump::send(std::span<const char> data) {
  if (stream_lost_) {
    co_return;
  }
  const auto sent = co_await to_.write(boost::asio::buffer(data.data(), data.size()));
  stream_lost_ = !sent;
}

awaitable<void> output_pump::run() {
  // One frame, one packet: a full buffer leaves in one system call.
  std::vector<char> buffer(flow::agreed_max_payload);
  for (;;) {
    if (!backlog_.empty()) {
      const std::string ahead = std::exchange(backlog_, {});
      co_await send(ahead);
    }
    if (source_ended_ || read_ >= end_at_) {
      break;
    }
    const auto wanted = std::min<std::uint64_t>(buffer.size(), end_at_ - read_);
    const auto read = read_source(std::span(buffer).first(wanted));
    if (read.result == read_result::data) {
      co_await send(std::span(buffer.data(), read.size));
    } else if (read.result == read_result::end || end_at_ != no_end) {
      break;
    } else {
      // Fails only if finish() cancels it, and then the source is looked at once more.
      co_await source_.async_wait(boost::asio::posix::descriptor_base::wait_read, as_result);
    }
  }
  static_cast<void>(co_await to_.shutdown_write());
}

std::uint64_t output_pump::written_at_exit() {
  if (kind_ == source_kind::pipe) {
    int unread = 0;
    if (source_ended_ || ::ioctl(source_.native_handle(), FIONREAD, &unread) != 0) {
      unread = 0;
    }
    return read_ + static_cast<std::uint64_t>(unread);
  }
  // A terminal's output passes through buffers that no ioctl counts, so it is read until nothing is
  // left.
  std::array<char, limits::terminal_read> buffer{};
  while (!source_ended_ && backlog_.size() < limits::terminal_backlog) {
    const auto read = read_source(buffer);
    if (read.result != read_result::data) {
      break;
    }
    backlog_.append(buffer.data(), read.size);
  }
  return read_;
}

void output_pump::finish() {
  end_at_ = written_at_exit();
  // It may have ended already, and the source be closed.
  flow::error_code ignored;
  source_.cancel(ignored);
}

}  // namespace agent
