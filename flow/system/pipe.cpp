#include "flow/system/pipe.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

namespace flow {

result<pipe_ends> make_pipe(int flags) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), flags | O_CLOEXEC) != 0) {
    return system_error("pipe");
  }
  return pipe_ends{unique_fd(ends[0]), unique_fd(ends[1])};
}

result<socket_pair> make_socket_pair(int type) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return system_error("socketpair");
  }
  return socket_pair{unique_fd(ends[0]), unique_fd(ends[1])};
}

}  // namespace flow
