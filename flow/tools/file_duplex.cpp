#include "flow/tools/file_duplex.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>

#include "flow/unique_fd.hpp"

namespace flow::tools {
namespace {

// The size that a ready pipe accepts without blocking. A stopped terminal may still block.
constexpr std::size_t most_at_once = PIPE_BUF;

error_code last_error() {
  return {errno, boost::system::system_category()};
}

bool would_pass(int error_number) {
  return error_number == EAGAIN || error_number == EINTR;
}

// Closes the output for anyone waiting for its end, and keeps the descriptor number in use.
void end_output(int fd) {
  ::shutdown(fd, SHUT_WR);  // a socket, of which others may have duplicates
  const unique_fd nothing(::open("/dev/null", O_WRONLY | O_CLOEXEC));
  ::dup2(nothing.get(), fd);
}

}  // namespace

file_duplex::file_duplex(const asio::any_io_executor& executor, int input, int output,
                         bool keep_output)
    : executor_(executor),
      input_(executor, input, shared_descriptor::use::read),
      output_(executor, output, shared_descriptor::use::write),
      keep_output_(keep_output),
      changed_(executor) {}

awaitable<result<std::size_t>> file_duplex::read_some(asio::mutable_buffer buffer) {
  while (!read_error_) {
    if (!input_.ready()) {
      co_await input_.wait();
      continue;
    }
    const auto n = ::read(input_.fd(), buffer.data(), buffer.size());
    if (n > 0) {
      co_return static_cast<std::size_t>(n);
    }
    if (n == 0) {
      read_error_ = asio::error::eof;
    } else if (!would_pass(errno)) {
      read_error_ = last_error();
    }
  }
  co_return error(read_error_);
}

awaitable<result<void>> file_duplex::write(asio::const_buffer buffer) {
  while (!write_error_ && buffer.size() != 0) {
    if (!output_.ready()) {
      co_await output_.wait();
      continue;
    }
    const std::size_t most = output_.never_blocks() ? buffer.size() : most_at_once;
    const auto n = ::write(output_.fd(), buffer.data(), std::min(buffer.size(), most));
    if (n >= 0) {
      buffer += static_cast<std::size_t>(n);
    } else if (!would_pass(errno)) {
      end_writing(last_error());
    }
  }
  if (write_error_) {
    co_return error(write_error_);
  }
  co_return result<void>();
}

void file_duplex::end_reading(error_code reason) noexcept {
  if (!read_error_) {
    read_error_ = reason;
    input_.cancel();
  }
}

void file_duplex::end_writing(error_code reason) noexcept {
  if (!write_error_) {
    write_error_ = reason;
    changed_.notify_all();
    output_.cancel();
  }
}

awaitable<result<void>> file_duplex::shutdown_write() {
  if (!write_error_ && !keep_output_) {
    end_output(output_.fd());
  }
  end_writing(errc::closed);
  co_return result<void>();
}

awaitable<result<void>> file_duplex::shutdown_read() {
  end_reading(asio::error::eof);
  co_return result<void>();
}

awaitable<void> file_duplex::wait_write_closed() {
  while (!write_error_) {
    co_await changed_.wait();
  }
}

awaitable<result<void>> file_duplex::close(std::chrono::steady_clock::duration /*deadline*/) {
  abort();
  co_return result<void>();
}

void file_duplex::abort() noexcept {
  end_reading(errc::aborted);
  end_writing(errc::aborted);
}

void file_duplex::stop() noexcept {
  end_reading(asio::error::eof);
  end_writing(errc::closed);
}

}  // namespace flow::tools
