// The measurements of hvbench: how long an operation took, what it cost, and the distribution of
// many such times.
#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

#include "flow/duplex.hpp"
#include "flow/tools/bench_protocol.hpp"

namespace flow::tools {

// Processor time of this process so far, in nanoseconds.
std::uint64_t cpu_time() noexcept;

// From construction to finish().
class stopwatch {
 public:
  stopwatch();
  bench_report finish(std::uint64_t bytes) const;

 private:
  std::chrono::steady_clock::time_point begin_;
  std::uint64_t cpu_;
};

class distribution {
 public:
  void add(std::chrono::steady_clock::duration d) { samples_.push_back(d); }
  std::size_t count() const noexcept { return samples_.size(); }

  // The smallest sample that is not exceeded by `share` (0 to 1) of all samples; 0 without samples.
  std::chrono::nanoseconds percentile(double share) const;

  // How many are at least `from` and less than `to`.
  std::size_t between(std::chrono::nanoseconds from, std::chrono::nanoseconds to) const;

 private:
  std::vector<std::chrono::nanoseconds> samples_;
};

// Reads all of `bytes`, or returns the error; asio::error::eof only before the first byte.
awaitable<result<void>> read_whole(duplex& from, asio::mutable_buffer bytes);

// Writes pieces of `size` bytes for `time`.
awaitable<result<std::uint64_t>> write_for(duplex& to, std::uint32_t size,
                                           std::chrono::steady_clock::duration time);

}  // namespace flow::tools
