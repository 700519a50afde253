// The plan of a stress run, all of it derived from one seed, so that a run can be repeated.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace flow::tools {

// SplitMix64: small, fast, and the same everywhere.
class random_source {
 public:
  explicit random_source(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() noexcept;

  // From `least` to `most`, both included.
  std::uint64_t between(std::uint64_t least, std::uint64_t most) noexcept;

 private:
  std::uint64_t state_;
};

// An endless sequence of bytes. Two with the same seed are equal however they are cut into pieces.
class byte_sequence {
 public:
  explicit byte_sequence(std::uint64_t seed) : random_(seed) {}

  void fill(std::span<std::byte> bytes) noexcept;

 private:
  random_source random_;
  std::uint64_t word_ = 0;
  unsigned left_ = 0;  // bytes of it not used yet
};

enum class injection { none, close, abort };

struct stress_limits {
  std::uint64_t min_length = 0;
  std::uint64_t max_length = 65536;
  std::uint64_t min_buffer = 16384;
  std::uint64_t max_buffer = 16384;
  unsigned inject_percent = 0;
};

// One conversation.
struct stress_plan {
  std::uint64_t content = 0;  // seed of the bytes
  std::uint64_t length = 0;
  std::uint64_t write_size = 0;
  std::uint64_t read_size = 0;
  injection fault = injection::none;
  std::uint64_t fault_at = 0;  // bytes written before the fault
};

stress_plan make_plan(std::uint64_t seed, std::uint64_t connection, std::uint64_t iteration,
                      const stress_limits& limits);

}  // namespace flow::tools
