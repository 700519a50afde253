// Where a process's output goes: what the client named when it created the process.
#pragma once

#include <cstdint>

#include "flow/asio.hpp"
#include "flow/error.hpp"

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

  // Bytes written that the client has still to read. 0 for a file.
  virtual std::uint64_t unread() = 0;

  // Whether there is a reader; true for a file.
  virtual bool has_reader() = 0;

  // Whether the only possible reader has exited: what is unread will never be read, and nothing can
  // be written any more.
  virtual bool broken() { return false; }

  // Gives the sink up. A client that reads it sees the end. unread() has no meaning any more.
  virtual void close() = 0;
};

}  // namespace shim
