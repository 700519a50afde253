// Copies from one duplex to another, or both ways between two, which is a proxy.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "flow/duplex.hpp"

namespace flow {

// Bytes moved in one direction. A piece that was read but could not be written counts in read_bytes
// only, and is lost.
struct copy_stats {
  std::uint64_t read_bytes = 0;
  std::uint64_t read_operations = 0;
  std::uint64_t write_bytes = 0;
  std::uint64_t write_operations = 0;
  std::chrono::steady_clock::duration duration{};
};

// "5 bytes in 0.002 s, 2.5 kB/s"; without the rate if the time was too short to measure.
std::string to_string(const copy_stats& s);

// How a copy ended.
struct copy_result {
  copy_stats stats;

  // Error of the source. None after its clean end, or if the sink failed.
  error_code read_error;

  // Error of the sink. errc::closed: its peer has stopped reading.
  error_code write_error;

  bool ok() const noexcept { return !read_error && !write_error; }
};

// Receives each piece before it is written; borrowed for the call.
class copy_observer {
 public:
  virtual ~copy_observer() = default;
  virtual void on_piece(asio::const_buffer piece) = 0;
};

// Reads `from` and writes `to` until the end of `from` or the first error. Does not shut
// down or close either. Both must outlive the call, as must the observer, if any.
awaitable<copy_result> copy(duplex& from, duplex& to, copy_observer* observer = nullptr);

enum class side { a, b, both };

struct proxy_result {
  copy_result a_to_b;
  copy_result b_to_a;

  // The side whose reading or writing failed. Empty: both directions ended cleanly.
  std::optional<side> failed() const noexcept;
};

// Copies both ways at once until both directions have ended. A direction ends with the end of its
// source, with an error, or when its sink's peer stops reading, even while the source is silent:
// nothing more from it could arrive. It then shuts down reading of the source and writing of the
// sink, and the other direction continues.
//
// If the source failed, its sink is aborted instead: a clean end would claim that the data is
// complete, and nothing the sink sends could arrive. Otherwise neither is closed.
//
// If a side may stay silent for ever, the caller must bound the time with abort().
awaitable<proxy_result> proxy(duplex& a, duplex& b, copy_observer* a_to_b = nullptr,
                              copy_observer* b_to_a = nullptr);

}  // namespace flow
