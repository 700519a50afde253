// One end of a bidirectional byte pipe: what a stream runs on.
//
// The interface is readiness, not completion: a caller tries an operation, which never blocks, and
// waits only if it would have. Implementations: a connected socket (socket_transport.hpp) and, for
// tests, a pipe in memory with injected faults (testing/memory_transport.hpp).
//
// Thread rule: everything is called on the thread that runs the executor.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <span>

#include "flow/asio.hpp"
#include "flow/error.hpp"
#include "flow/unique_handler.hpp"

namespace flow {

class transport {
 public:
  enum class wait_type { read, write };
  using wait_handler = unique_handler<void(error_code)>;

  transport() = default;
  transport(const transport&) = delete;
  transport& operator=(const transport&) = delete;
  virtual ~transport() = default;

  virtual asio::any_io_executor get_executor() noexcept = 0;

  // Reads what is there, at least one byte, into `buffers` in order; they must not all be empty.
  // asio::error::would_block: nothing is there now. 0 without an error: the end of the transport.
  // Any other error: the transport is lost, as the system named it.
  virtual std::size_t read_some(std::span<const iovec> buffers, error_code& ec) noexcept = 0;

  // Writes what there is room for, at least one byte, from `buffers` in order, in one system call.
  // Errors as for reading. Never raises SIGPIPE.
  virtual std::size_t write_some(std::span<const iovec> buffers, error_code& ec) noexcept = 0;

  // Completes when the operation may be worth trying again, for whatever reason, on the executor
  // and never inside this call. At most one wait of each type may be outstanding.
  // asio::error::operation_aborted: closed.
  virtual void async_wait(wait_type type, wait_handler handler) = 0;

  // Ends both directions for the peer as well, releases the resource and cancels outstanding waits.
  // Further calls do nothing; reading and writing fail with asio::error::bad_descriptor.
  virtual void close() noexcept = 0;

  // The descriptor beneath, -1 where there is none. Borrowed: for queries, not for I/O.
  virtual int native_handle() const noexcept { return -1; }
};

}  // namespace flow
