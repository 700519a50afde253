// The two ends of a client's FIFO as the shim holds them.
#pragma once

#include <boost/asio/posix/stream_descriptor.hpp>
#include <string>

#include "flow/asio.hpp"
#include "flow/error.hpp"
#include "flow/unique_fd.hpp"
#include "shim/io/pipe_sink.hpp"
#include "shim/io/sink.hpp"
#include "shim/io/source.hpp"

namespace shim {

// A file looked up once, so that what was examined is what is opened.
class looked_up_file {
 public:
  static flow::result<looked_up_file> find(const std::string& path);

  bool is_fifo() const noexcept { return is_fifo_; }
  flow::result<flow::unique_fd> open(int flags) const;

 private:
  looked_up_file(std::string path, flow::unique_fd location, bool is_fifo);

  std::string path_;  // for messages
  flow::unique_fd location_;
  bool is_fifo_;
};

// Writes to a FIFO. It holds a reading end of its own and never reads it: the FIFO keeps its content
// while no client has it open (a detach, a restart of containerd), and writing does not fail.
class fifo_sink final : public sink {
 public:
  static flow::result<std::unique_ptr<sink>> open(const flow::asio::any_io_executor& executor,
                                                  looked_up_file file);

  fifo_sink(const flow::asio::any_io_executor& executor, looked_up_file file,
            flow::unique_fd reader, flow::unique_fd writer);

  flow::awaitable<flow::result<std::size_t>> write_some(flow::asio::const_buffer data) override {
    return writer_.write_some(data);
  }
  std::uint64_t unread() override { return writer_.unread(); }
  bool has_reader() override;
  void close() override;

 private:
  looked_up_file file_;
  flow::unique_fd own_reader_;
  pipe_sink writer_;
};

// Reads a client's stdin. It holds a writing end of its own: clients may come and go without ending
// the input, until close_input() says that no more will come. What is in the FIFO is read first.
class fifo_source final : public source {
 public:
  // errc::invalid_argument if `path` is not a FIFO.
  static flow::result<fifo_source> open(const flow::asio::any_io_executor& executor,
                                        const std::string& path);

  // The end comes after close_input(), when every client has closed.
  flow::awaitable<flow::result<std::size_t>> read_some(flow::asio::mutable_buffer buffer) override;
  void close_input() noexcept override { own_writer_.reset(); }

  // A client that writes on sees EPIPE.
  void close() override;

 private:
  fifo_source(const flow::asio::any_io_executor& executor, flow::unique_fd reader,
              flow::unique_fd writer);

  boost::asio::posix::stream_descriptor reader_;
  flow::unique_fd own_writer_;
};

}  // namespace shim
