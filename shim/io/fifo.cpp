#include "shim/io/fifo.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "flow/system/retry_interrupted.hpp"

namespace shim {

using boost::asio::posix::descriptor_base;
using flow::as_result;
using flow::awaitable;
using flow::errc;
using flow::error;
using flow::result;
using flow::system_error;
using flow::unique_fd;

looked_up_file::looked_up_file(std::string path, unique_fd location, bool is_fifo)
    : path_(std::move(path)), location_(std::move(location)), is_fifo_(is_fifo) {}

result<looked_up_file> looked_up_file::find(const std::string& path) {
  unique_fd location(::open(path.c_str(), O_PATH | O_CLOEXEC));
  if (!location) {
    return system_error("open " + path);
  }
  struct stat status{};
  if (::fstat(location.get(), &status) != 0) {
    return system_error("stat " + path);
  }
  return looked_up_file(path, std::move(location), S_ISFIFO(status.st_mode));
}

result<unique_fd> looked_up_file::open(int flags) const {
  const std::string self = "/proc/self/fd/" + std::to_string(location_.get());
  unique_fd fd(::open(self.c_str(), flags | O_CLOEXEC));
  if (!fd) {
    return system_error("open " + path_);
  }
  return fd;
}

result<std::unique_ptr<sink>> fifo_sink::open(const flow::asio::any_io_executor& executor,
                                              looked_up_file file) {
  // The reader first: opening a FIFO for writing needs one.
  auto reader = file.open(O_RDONLY | O_NONBLOCK);
  if (!reader) {
    return std::move(reader).error();
  }
  auto writer = file.open(O_WRONLY | O_NONBLOCK);
  if (!writer) {
    return std::move(writer).error();
  }
  return std::unique_ptr<sink>(std::make_unique<fifo_sink>(
      executor, std::move(file), std::move(reader.value()), std::move(writer.value())));
}

fifo_sink::fifo_sink(const flow::asio::any_io_executor& executor, looked_up_file file,
                     unique_fd reader, unique_fd writer)
    : file_(std::move(file)),
      own_reader_(std::move(reader)),
      writer_(executor, std::move(writer)) {}

bool fifo_sink::has_reader() {
  if (!writer_.is_open()) {
    return false;
  }
  // Rule 8: once our own reading end is closed, a writer without readers polls as an error. The FIFO
  // keeps its content meanwhile, because the writer holds it.
  own_reader_.reset();
  const bool read = writer_.has_reader();
  auto reader = file_.open(O_RDONLY | O_NONBLOCK);
  if (reader) {
    own_reader_ = std::move(reader.value());
  }
  return read;
}

void fifo_sink::close() {
  writer_.close();
  own_reader_.reset();
}

fifo_source::fifo_source(const flow::asio::any_io_executor& executor, unique_fd reader,
                         unique_fd writer)
    : reader_(executor, reader.release()), own_writer_(std::move(writer)) {}

result<fifo_source> fifo_source::open(const flow::asio::any_io_executor& executor,
                                      const std::string& path) {
  auto file = looked_up_file::find(path);
  if (!file) {
    return std::move(file).error();
  }
  if (!file.value().is_fifo()) {
    return error(errc::invalid_argument, "stdin " + path + " is not a FIFO");
  }
  auto reader = file.value().open(O_RDONLY | O_NONBLOCK);
  if (!reader) {
    return std::move(reader).error();
  }
  auto writer = file.value().open(O_WRONLY | O_NONBLOCK);
  if (!writer) {
    return std::move(writer).error();
  }
  return fifo_source(executor, std::move(reader.value()), std::move(writer.value()));
}

awaitable<result<std::size_t>> fifo_source::read_some(flow::asio::mutable_buffer buffer) {
  while (reader_.is_open()) {
    const auto n = flow::retry_interrupted(
        [&] { return ::read(reader_.native_handle(), buffer.data(), buffer.size()); });
    if (n > 0) {
      co_return static_cast<std::size_t>(n);
    }
    if (n == 0) {
      co_return error(boost::asio::error::eof);
    }
    if (errno == EAGAIN) {
      const auto r = co_await reader_.async_wait(descriptor_base::wait_read, as_result);
      if (std::get<0>(r)) {
        break;
      }
    } else {
      co_return system_error("read from FIFO");
    }
  }
  co_return error(errc::aborted, "read from FIFO");
}

void fifo_source::close() {
  flow::error_code ignored;
  reader_.close(ignored);
  own_writer_.reset();
}

}  // namespace shim
