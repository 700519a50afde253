// System calls that a signal may interrupt.
#pragma once

#include <cerrno>
#include <concepts>

namespace flow {

// Returns the result of `call`, a system call that sets errno; calls it again as long as it fails
// with EINTR. Not for close(2), which frees the descriptor even then.
template <std::invocable Call>
auto retry_interrupted(Call call) {
  for (;;) {
    const auto returned = call();
    if (returned >= 0 || errno != EINTR) {
      return returned;
    }
  }
}

}  // namespace flow
