// The protocol between the two ends of hvbench. Each measurement is a connection of its own, which
// begins with the client's request; numbers are little-endian.
//
//   upload     the client sends for a while and ends; the server answers with a report
//   download   the server sends for a while, then a report, and ends
//   latency    the client sends `size` bytes, the server sends them back, again and again
//   connect    nothing more: the client ends
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace flow::tools {

enum class bench_mode : std::uint32_t { upload = 1, download = 2, latency = 3, connect = 4 };

inline constexpr std::uint32_t bench_magic = 0x31425648;  // "HVB1"
inline constexpr std::uint32_t max_bench_size = 16U << 20U;

struct bench_request {
  bench_mode mode = bench_mode::upload;
  std::uint32_t size = 0;          // of one write, 1 to max_bench_size
  std::uint64_t milliseconds = 0;  // how long to send, for a download
};

// The measurement of one end.
struct bench_report {
  std::uint64_t bytes = 0;
  std::uint64_t nanoseconds = 0;      // from the first byte to the end
  std::uint64_t cpu_nanoseconds = 0;  // of the process, in that time
};

using encoded_request = std::array<std::byte, 20>;
using encoded_report = std::array<std::byte, 24>;

encoded_request encode(const bench_request& r) noexcept;
std::optional<bench_request> decode(const encoded_request& bytes) noexcept;
encoded_report encode(const bench_report& r) noexcept;
bench_report decode(const encoded_report& bytes) noexcept;

}  // namespace flow::tools
