// Where a process's output goes: what the client named when it created the process.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "flow/asio.hpp"
#include "flow/error.hpp"
#include "shim/io/stdio_uri.hpp"

namespace shim {

class sink {
 public:
  sink() = default;
  sink(const sink&) = delete;
  sink& operator=(const sink&) = delete;
  virtual ~sink() = default;

  // Writes at least one byte of a buffer that is not empty, and waits for as long as none is taken.
  // An error is final: the sink will never take anything again. errc::aborted after close().
  virtual flow::awaitable<flow::result<std::size_t>> write_some(flow::asio::const_buffer data) = 0;

  // Bytes written that the client has still to read. 0 where writing is all there is to it.
  virtual std::uint64_t unread() = 0;

  // Whether there is anybody to read; true where writing is all there is to it.
  virtual bool has_reader() = 0;

  // Whether what is unread will never be read, and nothing written any more: the one reader is gone
  // for good.
  virtual bool broken() { return false; }

  // Gives the sink up. A client that reads it sees the end.
  virtual void close() = 0;
};

// Opens what `uri` names:
//   ""                          output is dropped
//   "/path", "fifo:///path"     a FIFO; a file that is not one is appended to
//   "file:///path"              appended to, created with its directories if missing
// For loggers ("binary:///path"), and streams that clients connect, see logger.hpp, streaming.hpp.
// errc::invalid_argument if the scheme is not one of these, with the system's error if the file
// cannot be opened. A FIFO is opened without waiting for its reader and kept open for one to come
// back.
flow::result<std::unique_ptr<sink>> open_sink(flow::asio::any_io_executor executor,
                                              const stdio_uri& uri);

}  // namespace shim
