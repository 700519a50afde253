// Whether a sanitizer is compiled in: everything is several times slower then, and its runtime
// makes its own system calls, which the confinement of hvsock-vsockd denies.
#pragma once

namespace tests {

#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
inline constexpr bool sanitized = true;
#else
inline constexpr bool sanitized = false;
#endif

}  // namespace tests
