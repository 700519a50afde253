#include "flow/tools/bench_protocol.hpp"

#include <span>

namespace flow::tools {
namespace {

void put(std::span<std::byte> to, std::uint64_t value) noexcept {
  for (std::byte& b : to) {
    b = static_cast<std::byte>(value & 0xffU);
    value >>= 8U;
  }
}

std::uint64_t get(std::span<const std::byte> from) noexcept {
  std::uint64_t value = 0;
  for (std::size_t i = from.size(); i-- > 0;) {
    value = value << 8U | std::to_integer<std::uint64_t>(from[i]);
  }
  return value;
}

}  // namespace

encoded_request encode(const bench_request& r) noexcept {
  encoded_request bytes;
  const std::span all(bytes);
  put(all.subspan(0, 4), bench_magic);
  put(all.subspan(4, 4), static_cast<std::uint32_t>(r.mode));
  put(all.subspan(8, 4), r.size);
  put(all.subspan(12, 8), r.milliseconds);
  return bytes;
}

std::optional<bench_request> decode(const encoded_request& bytes) noexcept {
  const std::span all(bytes);
  const auto mode = get(all.subspan(4, 4));
  const auto size = get(all.subspan(8, 4));
  if (get(all.subspan(0, 4)) != bench_magic || mode < 1 || mode > 4 || size < 1 ||
      size > max_bench_size) {
    return std::nullopt;
  }
  return bench_request{static_cast<bench_mode>(mode), static_cast<std::uint32_t>(size),
                       get(all.subspan(12, 8))};
}

encoded_report encode(const bench_report& r) noexcept {
  encoded_report bytes;
  const std::span all(bytes);
  put(all.subspan(0, 8), r.bytes);
  put(all.subspan(8, 8), r.nanoseconds);
  put(all.subspan(16, 8), r.cpu_nanoseconds);
  return bytes;
}

bench_report decode(const encoded_report& bytes) noexcept {
  const std::span all(bytes);
  return {get(all.subspan(0, 8)), get(all.subspan(8, 8)), get(all.subspan(16, 8))};
}

}  // namespace flow::tools
