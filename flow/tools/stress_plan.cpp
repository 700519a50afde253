#include "flow/tools/stress_plan.hpp"

namespace flow::tools {

std::uint64_t random_source::next() noexcept {
  state_ += 0x9e3779b97f4a7c15U;
  std::uint64_t z = state_;
  z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
  z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
  return z ^ (z >> 31U);
}

// The remainder's bias does not matter here.
std::uint64_t random_source::between(std::uint64_t least, std::uint64_t most) noexcept {
  const std::uint64_t n = next();
  return most - least == UINT64_MAX ? n : least + n % (most - least + 1);
}

void byte_sequence::fill(std::span<std::byte> bytes) noexcept {
  for (std::byte& b : bytes) {
    if (left_ == 0) {
      word_ = random_.next();
      left_ = sizeof(word_);
    }
    b = static_cast<std::byte>(word_ & 0xffU);
    word_ >>= 8U;
    --left_;
  }
}

stress_plan make_plan(std::uint64_t seed, std::uint64_t connection, std::uint64_t iteration,
                      const stress_limits& limits) {
  // Separate for each conversation, so that they do not depend on each other.
  random_source random(random_source(random_source(seed).next() ^ connection).next() ^ iteration);
  stress_plan p;
  p.content = random.next();
  p.length = random.between(limits.min_length, limits.max_length);
  p.write_size = random.between(limits.min_buffer, limits.max_buffer);
  p.read_size = random.between(limits.min_buffer, limits.max_buffer);
  if (random.between(1, 100) <= limits.inject_percent) {
    p.fault = random.between(0, 1) == 0 ? injection::close : injection::abort;
    p.fault_at = random.between(0, p.length);
  }
  return p;
}

}  // namespace flow::tools
