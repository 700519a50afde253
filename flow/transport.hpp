// One end of a bidirectional byte pipe; a stream runs on it.
//
// The interface is readiness, not completion: a caller tries an operation, which never blocks, and
// waits only if it would have blocked. Implementations: a connected socket (socket_transport.hpp)
// and, for tests, a pipe in memory with injected faults (testing/memory_transport.hpp).
//
// Thread rule: call everything on the thread that runs the executor.
#pragma once

#include <sys/uio.h>

#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <cstddef>
#include <span>

#include "flow/asio.hpp"
#include "flow/error.hpp"

namespace flow {

// The object that waits for a transport. The wait holds it, so that what it refers to lives until
// then. The count is not atomic, since everything is on one thread.
class transport_waiter {
 public:
  enum class wait_type { read, write };

  transport_waiter() = default;
  transport_waiter(const transport_waiter&) = delete;
  transport_waiter& operator=(const transport_waiter&) = delete;
  virtual ~transport_waiter() = default;

  // The operation should be tried again, for whatever reason: it would not block now, the transport
  // was closed, or nothing in particular.
  virtual void on_ready(wait_type type) = 0;

  friend void intrusive_ptr_add_ref(transport_waiter* w) noexcept { ++w->references_; }
  friend void intrusive_ptr_release(transport_waiter* w) noexcept {
    if (--w->references_ == 0) {
      delete w;
    }
  }

 private:
  unsigned references_ = 0;
};

class transport {
 public:
  using wait_type = transport_waiter::wait_type;
  using waiter = boost::intrusive_ptr<transport_waiter>;

  transport() = default;
  transport(const transport&) = delete;
  transport& operator=(const transport&) = delete;
  virtual ~transport() = default;

  virtual asio::any_io_executor get_executor() noexcept = 0;

  // Reads the available bytes, at least one, into `buffers` in order; they must not all be empty.
  // asio::error::would_block: nothing is available now. 0 without an error: the end of the
  // transport. Any other error: the transport is lost; the error is the system's.
  virtual std::size_t read_some(std::span<const iovec> buffers, error_code& ec) noexcept = 0;

  // Writes as many bytes as fit, at least one, from `buffers` in order, in one system call. Errors
  // as for reading. Never raises SIGPIPE.
  virtual std::size_t write_some(std::span<const iovec> buffers, error_code& ec) noexcept = 0;

  // Calls w->on_ready(type) once, on the executor and never inside this call, unless the execution
  // context is destroyed first. At most one wait of each type may be outstanding.
  virtual void async_wait(wait_type type, waiter w) = 0;

  // Ends both directions, for the peer as well, releases the resource and ends outstanding waits.
  // Further calls do nothing; reading and writing fail with asio::error::bad_descriptor.
  virtual void close() noexcept = 0;

  // The underlying descriptor, -1 if there is none. Borrowed: for queries, not for I/O.
  virtual int native_handle() const noexcept { return -1; }
};

}  // namespace flow
