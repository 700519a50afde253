// Counts the program's heap allocations: malloc and its relatives are replaced, so operator new and
// Asio's aligned_alloc are counted too.
#pragma once

#include <cstdint>

namespace bench {

// Allocations of all threads since the program started.
std::uint64_t allocations() noexcept;

}  // namespace bench
