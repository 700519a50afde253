#include "flow/copy.hpp"

#include <array>
#include <cstddef>
#include <cstdio>

#include "flow/task_group.hpp"

namespace flow {
namespace {

using std::chrono::steady_clock;

// A frame of agreed size fits. Copies between two raw sockets go through this buffer, too:
// splice(2) moved between half and one and a half times as much per second, vsock copies anyway,
// and it raises SIGPIPE, which a library should not block.
constexpr std::size_t piece_size = 65536;

std::string rate(double bytes_per_second) {
  constexpr std::array<const char*, 5> units{"B/s", "kB/s", "MB/s", "GB/s", "TB/s"};
  std::size_t unit = 0;
  while (bytes_per_second >= 1000 && unit + 1 < units.size()) {
    bytes_per_second /= 1000;
    ++unit;
  }
  std::array<char, 32> text;
  std::snprintf(text.data(), text.size(), "%.3g %s", bytes_per_second, units[unit]);
  return text.data();
}

// One direction of a proxy.
struct direction {
  copy_result result;
  bool aborted_sink = false;
};

awaitable<void> forward(duplex& from, duplex& to, copy_observer* observer, direction& d) {
  d.result = co_await copy(from, to, observer);
  if (!d.result.read_error) {
    co_await to.shutdown_write();
    co_return;
  }
  d.aborted_sink = d.result.read_error != errc::aborted;
  to.abort();
}

// Ends the other half of a direction, whichever end caused it. A separate task, so that neither end
// waits for the other to accept it.
awaitable<void> stop_reading_when_unread(duplex& from, duplex& to) {
  co_await to.wait_write_closed();
  co_await from.shutdown_read();
}

}  // namespace

std::string to_string(const copy_stats& s) {
  const double seconds = std::chrono::duration<double>(s.duration).count();
  std::array<char, 64> text;
  std::snprintf(text.data(), text.size(), "%llu bytes in %.3f s",
                static_cast<unsigned long long>(s.write_bytes), seconds);
  if (seconds <= 0) {
    return text.data();
  }
  return std::string(text.data()) + ", " + rate(static_cast<double>(s.write_bytes) / seconds);
}

awaitable<copy_result> copy(duplex& from, duplex& to, copy_observer* observer) {
  const auto begin = steady_clock::now();
  const auto buffer = std::make_unique_for_overwrite<std::byte[]>(piece_size);
  copy_result r;
  for (;;) {
    const auto n = co_await from.read_some(asio::buffer(buffer.get(), piece_size));
    if (!n) {
      if (n.error().code() != asio::error::eof) {
        r.read_error = n.error().code();
      }
      break;
    }
    ++r.stats.read_operations;
    r.stats.read_bytes += *n;
    const auto piece = asio::buffer(buffer.get(), *n);
    if (observer != nullptr) {
      observer->on_piece(piece);
    }
    const auto written = co_await to.write(piece);
    if (!written) {
      r.write_error = written.error().code();
      break;
    }
    ++r.stats.write_operations;
    r.stats.write_bytes += *n;
  }
  r.stats.duration = steady_clock::now() - begin;
  co_return r;
}

std::optional<side> proxy_result::failed() const noexcept {
  const bool a = a_to_b.read_error || b_to_a.write_error;
  const bool b = b_to_a.read_error || a_to_b.write_error;
  if (a && b) {
    return side::both;
  }
  if (a) {
    return side::a;
  }
  return b ? std::optional(side::b) : std::nullopt;
}

awaitable<proxy_result> proxy(duplex& a, duplex& b, copy_observer* a_to_b, copy_observer* b_to_a) {
  direction ab;
  direction ba;
  std::exception_ptr bug;
  task_group directions(a.get_executor(),
                        [&bug](const std::string&, std::exception_ptr e) { bug = std::move(e); });
  directions.spawn("watch b", stop_reading_when_unread(a, b));
  directions.spawn("watch a", stop_reading_when_unread(b, a));
  directions.spawn("b to a", forward(b, a, b_to_a, ba));
  directions.spawn("a to b", forward(a, b, a_to_b, ab));
  co_await directions.join();
  if (bug) {
    std::rethrow_exception(bug);
  }
  // An aborted side did not fail.
  if (ab.aborted_sink && ba.result.read_error == errc::aborted) {
    ba.result.read_error.clear();
  }
  if (ba.aborted_sink && ab.result.read_error == errc::aborted) {
    ab.result.read_error.clear();
  }
  co_return proxy_result{ab.result, ba.result};
}

}  // namespace flow
