// Two descriptors as a duplex, one for reading and one for writing: standard input and output,
// or files.
//
// Raw in the sense of duplex.hpp. Reading ends with the end of the file. shutdown_write() closes
// the output, so that a pipe's reader sees the end; its number then refers to /dev/null. Unlike
// other duplexes, this object must outlive its operations.
#pragma once

#include "flow/duplex.hpp"
#include "flow/event.hpp"
#include "flow/tools/shared_descriptor.hpp"

namespace flow::tools {

class file_duplex final : public duplex {
 public:
  // Both are borrowed. With `keep_output` shutdown_write() leaves the output open for others.
  file_duplex(const asio::any_io_executor& executor, int input, int output, bool keep_output);

  asio::any_io_executor get_executor() override { return executor_; }
  awaitable<result<std::size_t>> read_some(asio::mutable_buffer buffer) override;
  awaitable<result<void>> write(asio::const_buffer buffer) override;
  awaitable<result<void>> shutdown_write() override;
  awaitable<result<void>> shutdown_read() override;
  bool write_open() const override { return !write_error_; }
  awaitable<void> wait_write_closed() override;
  awaitable<result<void>> close(std::chrono::steady_clock::duration deadline) override;
  void abort() noexcept override;

  // Ends both directions as if the file had ended and the output's reader had stopped reading.
  void stop() noexcept;

  // Whether the input has not ended yet.
  bool reading() const noexcept { return !read_error_; }

 private:
  void end_reading(error_code reason) noexcept;
  void end_writing(error_code reason) noexcept;

  asio::any_io_executor executor_;
  shared_descriptor input_;
  shared_descriptor output_;
  bool keep_output_;
  event changed_;
  error_code read_error_;
  error_code write_error_;
};

}  // namespace flow::tools
