#include "tests/bench/count_allocations.hpp"

#include <atomic>
#include <cerrno>
#include <cstddef>

// NOLINTBEGIN(bugprone-reserved-identifier,readability-identifier-naming): glibc's own names
extern "C" {
void* __libc_malloc(std::size_t size);
void* __libc_memalign(std::size_t align, std::size_t size);
}
// NOLINTEND(bugprone-reserved-identifier,readability-identifier-naming)

namespace {

std::atomic<std::uint64_t> count{0};

}  // namespace

namespace bench {

std::uint64_t allocations() noexcept {
  return count.load(std::memory_order_relaxed);
}

}  // namespace bench

extern "C" void* malloc(std::size_t size) {
  count.fetch_add(1, std::memory_order_relaxed);
  return __libc_malloc(size);
}

extern "C" void* aligned_alloc(std::size_t align, std::size_t size) {
  count.fetch_add(1, std::memory_order_relaxed);
  return __libc_memalign(align, size);
}

extern "C" int posix_memalign(void** out, std::size_t align, std::size_t size) {
  count.fetch_add(1, std::memory_order_relaxed);
  *out = __libc_memalign(align, size);
  return *out == nullptr ? ENOMEM : 0;
}
