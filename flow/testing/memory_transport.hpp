// Two connected transports in memory, with faults on demand: deterministic doubles of the sockets,
// proxies and hypervisors that a stream may run on.
//
//   memory_link link(executor);
//   stream a(link.first()), b(link.second());
//   link.to_first().max_read = 1;           // a reads single bytes
//   link.reset();                           // the connection breaks
//
// Thread rule: one thread.
#pragma once

#include <deque>
#include <limits>
#include <memory>
#include <optional>

#include "flow/transport.hpp"

namespace flow::testing {

// What the peer observes when an end is closed.
enum class on_close {
  deliver,  // what was sent arrives, then the end of the transport: AF_UNIX, vhost-vsock
  drop,     // the end at once, sent but unread bytes are lost: proxies with a timeout
  reset,    // what was sent arrives, then a reset
  silent,   // nothing, ever: proxies that do not pass on a half-close, a dead hypervisor
};

// One direction, seen from the end that reads it. Faults may be changed at any time.
struct memory_pipe {
  static constexpr std::size_t unlimited = std::numeric_limits<std::size_t>::max();

  std::size_t capacity = 262144;     // bytes in flight before writing would block
  std::size_t max_read = unlimited;  // bytes per read
  std::size_t max_write = unlimited;
  bool storm = false;    // every second attempt would block although it could succeed
  bool stalled = false;  // nothing arrives, not even an end, until reset to false and poke()
  on_close closing = on_close::deliver;

  // Writes fail with this once `fail_writes_after` bytes have been accepted.
  error_code write_failure;
  std::uint64_t fail_writes_after = 0;

  std::deque<std::byte> bytes;  // in flight
  std::uint64_t written = 0;    // bytes accepted in total
  std::uint64_t writes = 0;     // calls that accepted some
  bool ended = false;           // the reader sees the end after `bytes`
  error_code broken;            // or this error
  bool discards = false;        // the writer's bytes are discarded
};

class memory_link {
 public:
  explicit memory_link(asio::any_io_executor executor);
  memory_link(const memory_link&) = delete;
  memory_link& operator=(const memory_link&) = delete;
  ~memory_link();

  // The two ends, once each. They may outlive the link object.
  std::unique_ptr<transport> first();
  std::unique_ptr<transport> second();

  memory_pipe& to_first();
  memory_pipe& to_second();

  // Wakes all waiters; call it after a change that makes an operation possible.
  void poke();

  // Both directions break: once the bytes in flight are read, reads fail with connection_reset or
  // see an end, as virtio reports it; writes fail with broken_pipe.
  enum class shown_as { error, end };
  void reset(shown_as how = shown_as::error);

  // Resets the link instead of the `n`th read or write from now on, counted over both ends.
  // 0: never.
  void reset_at_operation(std::uint64_t n);

  // Whether the link was reset, by either.
  bool broken() const;

  bool first_closed() const;
  bool second_closed() const;

  struct state;

 private:
  std::shared_ptr<state> state_;
};

}  // namespace flow::testing
