#include "flow/tools/measurement.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <cmath>

namespace flow::tools {
namespace {

using std::chrono::steady_clock;

std::uint64_t nanoseconds(const timeval& t) {
  return static_cast<std::uint64_t>(t.tv_sec) * 1'000'000'000 +
         static_cast<std::uint64_t>(t.tv_usec) * 1'000;
}

}  // namespace

std::uint64_t cpu_time() noexcept {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return nanoseconds(usage.ru_utime) + nanoseconds(usage.ru_stime);
}

stopwatch::stopwatch() : begin_(steady_clock::now()), cpu_(cpu_time()) {}

bench_report stopwatch::finish(std::uint64_t bytes) const {
  const std::chrono::nanoseconds lasted = steady_clock::now() - begin_;
  return {bytes, static_cast<std::uint64_t>(lasted.count()), cpu_time() - cpu_};
}

std::chrono::nanoseconds distribution::percentile(double share) const {
  if (samples_.empty()) {
    return {};
  }
  auto sorted = samples_;
  const auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(count())));
  const auto nth = sorted.begin() + static_cast<std::ptrdiff_t>(std::max<std::size_t>(rank, 1) - 1);
  std::nth_element(sorted.begin(), nth, sorted.end());
  return *nth;
}

std::size_t distribution::between(std::chrono::nanoseconds from,
                                  std::chrono::nanoseconds to) const {
  return static_cast<std::size_t>(std::count_if(
      samples_.begin(), samples_.end(), [&](const auto& s) { return s >= from && s < to; }));
}

awaitable<result<void>> read_whole(duplex& from, asio::mutable_buffer bytes) {
  const std::size_t whole = bytes.size();
  while (bytes.size() != 0) {
    const auto n = co_await from.read_some(bytes);
    if (!n && n.error().code() == asio::error::eof && bytes.size() != whole) {
      co_return error(errc::truncated);
    }
    if (!n) {
      co_return n.error();
    }
    bytes += *n;
  }
  co_return result<void>();
}

awaitable<result<std::uint64_t>> write_for(duplex& to, std::uint32_t size,
                                           steady_clock::duration time) {
  const std::vector<std::byte> piece(size, std::byte{0x5a});
  const auto end = steady_clock::now() + time;
  std::uint64_t bytes = 0;
  do {
    const auto written = co_await to.write(asio::buffer(piece));
    if (!written) {
      co_return written.error();
    }
    bytes += size;
  } while (steady_clock::now() < end);
  co_return bytes;
}

}  // namespace flow::tools
