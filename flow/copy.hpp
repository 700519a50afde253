// Copying from one duplex to another, and both ways between two, which is a proxy.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "flow/duplex.hpp"

namespace flow {

// What one direction moved. A piece that was read and could not be written is in read_bytes only,
// and lost.
struct copy_stats {
  std::uint64_t read_bytes = 0;
  std::uint64_t read_operations = 0;
  std::uint64_t write_bytes = 0;
  std::uint64_t write_operations = 0;
  std::chrono::steady_clock::duration duration{};
};

// "5 bytes in 0.002 s, 2.5 kB/s"; without the rate where the time was too short to measure.
std::string to_string(const copy_stats& s);

// How a copy ended.
struct copy_result {
  copy_stats stats;

  // Of the source. None after its clean end, or if the sink failed.
  error_code read_error;

  // Of the sink. errc::closed: it is not read any more.
  error_code write_error;

  bool ok() const noexcept { return !read_error && !write_error; }
};

// Sees each piece before it is written; borrowed for the call.
class copy_observer {
 public:
  virtual ~copy_observer() = default;
  virtual void on_piece(asio::const_buffer piece) = 0;
};

// Reads `from` and writes `to` until the end of `from` or the first error. Shuts down and closes
// neither. Both must outlive the call, and so must the observer, if there is one.
awaitable<copy_result> copy(duplex& from, duplex& to, copy_observer* observer = nullptr);

enum class side { a, b, both };

struct proxy_result {
  copy_result a_to_b;
  copy_result b_to_a;

  // The side that failed: whose reading or writing ended with an error. Nothing: both directions
  // ended cleanly.
  std::optional<side> failed() const noexcept;
};

// Copies both ways at once until both directions have ended. A direction ends with the end of its
// source, with an error, or when its sink is not read any more, even while the source is silent:
// nothing that it still said could arrive. It then shuts down reading of the source and writing of
// the sink, and the other direction goes on.
//
// If the source failed, its sink is aborted instead: a clean end there would say that what came was
// all, and nothing the sink says could arrive. Otherwise neither is closed.
//
// Where a side may stay silent for ever, the caller bounds the time with abort().
awaitable<proxy_result> proxy(duplex& a, duplex& b, copy_observer* a_to_b = nullptr,
                              copy_observer* b_to_a = nullptr);

}  // namespace flow
