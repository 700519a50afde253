// Where a process's input comes from.
#pragma once

#include "flow/asio.hpp"
#include "flow/error.hpp"

namespace shim {

class source {
 public:
  source() = default;
  source(source&&) = default;
  source& operator=(source&&) = default;
  virtual ~source() = default;

  // Waits for at least one byte. boost::asio::error::eof when no more will come and everything was
  // read; errc::aborted after close().
  virtual flow::awaitable<flow::result<std::size_t>> read_some(
      flow::asio::mutable_buffer buffer) = 0;

  // The client will send no more. May be called again. Never waits.
  virtual void close_input() noexcept = 0;

  // A client that goes on sending gets an error: nobody reads.
  virtual void close() = 0;
};

}  // namespace shim
