// Two connected transports in memory, with faults on demand: deterministic doubles for the sockets,
// proxies and hypervisors that a stream meets.
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

// What the peer notices when an end is closed.
enum class on_close {
  deliver,  // what was sent arrives, then the end of the transport: AF_UNIX, vhost-vsock
  drop,     // the end at once, what was sent and not yet read is lost: proxies with a timeout
  reset,    // what was sent arrives, then a reset
  silent,   // nothing, ever: proxies that do not pass on a half-close, a dead hypervisor
};

// One direction, seen from the end that reads it. Faults may be changed at any time.
struct memory_pipe {
  static constexpr std::size_t unlimited = std::numeric_limits<std::size_t>::max();

  std::size_t capacity = 262144;     // bytes on the way before writing would block
  std::size_t max_read = unlimited;  // bytes per read
  std::size_t max_write = unlimited;
  bool storm = false;    // every second attempt would block although it could go on
  bool stalled = false;  // nothing arrives, no end either, until this is taken back and poke()
  on_close closing = on_close::deliver;

  // Writes fail with this once `fail_writes_after` bytes were accepted.
  error_code write_failure;
  std::uint64_t fail_writes_after = 0;

  std::deque<std::byte> bytes;  // on the way
  std::uint64_t written = 0;    // bytes accepted in total
  std::uint64_t writes = 0;     // calls that accepted some
  bool ended = false;           // the reader sees the end after `bytes`
  error_code broken;            // or this error
  bool discards = false;        // the writer's bytes go nowhere
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

  // Wakes whoever waits; call it after a change that makes something possible.
  void poke();

  // Both directions break: reads fail with connection_reset, or see an end as virtio shows it, once
  // what is on the way was read; writes fail with broken_pipe.
  enum class shown_as { error, end };
  void reset(shown_as how = shown_as::error);

  // The `n`th read or write from now on, counted over both ends, resets the link instead. 0: never.
  void reset_at_operation(std::uint64_t n);

  // It was reset, by either.
  bool broken() const;

  bool first_closed() const;
  bool second_closed() const;

  struct state;

 private:
  std::shared_ptr<state> state_;
};

}  // namespace flow::testing
