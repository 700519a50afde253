// One end of a bidirectional byte pipe: what a stream runs on.
//
// The interface is readiness, not completion: a caller tries an operation, which never blocks, and
// waits only if it would have. Implementations: a connected socket (socket_transport.hpp) and, for
// tests, a pipe in memory with injected faults (testing/memory_transport.hpp).
//
// Thread rule: everything is called on the thread that runs the executor.
#pragma once

#include <sys/uio.h>

#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <cstddef>
#include <span>

#include "flow/asio.hpp"
#include "flow/error.hpp"

namespace flow {

// Whoever waits for a transport. Held by the wait, so that what it refers to lives until then;
// counted without atomic operations, everything being on one thread.
class transport_waiter {
 public:
  enum class wait_type { read, write };

  transport_waiter() = default;
  transport_waiter(const transport_waiter&) = delete;
  transport_waiter& operator=(const transport_waiter&) = delete;
  virtual ~transport_waiter() = default;

  // The operation may be worth trying again, for whatever reason: it would not block now, the
  // transport was closed, or nothing in particular.
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

  // Reads what is there, at least one byte, into `buffers` in order; they must not all be empty.
  // asio::error::would_block: nothing is there now. 0 without an error: the end of the transport.
  // Any other error: the transport is lost, as the system named it.
  virtual std::size_t read_some(std::span<const iovec> buffers, error_code& ec) noexcept = 0;

  // Writes what there is room for, at least one byte, from `buffers` in order, in one system call.
  // Errors as for reading. Never raises SIGPIPE.
  virtual std::size_t write_some(std::span<const iovec> buffers, error_code& ec) noexcept = 0;

  // Calls w->on_ready(type) once, on the executor and never inside this call; not at all only if
  // the execution context is destroyed before. At most one wait of each type may be outstanding.
  virtual void async_wait(wait_type type, waiter w) = 0;

  // Ends both directions for the peer as well, releases the resource and ends outstanding waits.
  // Further calls do nothing; reading and writing fail with asio::error::bad_descriptor.
  virtual void close() noexcept = 0;

  // The descriptor beneath, -1 where there is none. Borrowed: for queries, not for I/O.
  virtual int native_handle() const noexcept { return -1; }
};

}  // namespace flow
