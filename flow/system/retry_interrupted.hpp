// System calls that a signal may interrupt.
#pragma once

#include <cerrno>
#include <concepts>

namespace flow {

// What `call` returns, which is a system call's result with errno; called again for as long as it
// fails with EINTR. Not for close(2), which frees the descriptor even then.
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
