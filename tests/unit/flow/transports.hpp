// Connected transports of every kind available here.
#pragma once

#include <sys/socket.h>

#include <memory>
#include <string>
#include <utility>

#include "flow/listener.hpp"
#include "flow/transport.hpp"
#include "flow/unique_fd.hpp"
#include "tests/support/temporary_directory.hpp"

namespace tests {

std::pair<flow::unique_fd, flow::unique_fd> connected_pair(int type = SOCK_STREAM);

// The host side of a hypervisor's hybrid socket, for one connection: reads the command, which it
// returns, and answers with `reply`. The connection is stored in `connection` if given.
flow::awaitable<std::string> answer_hybrid(flow::listener& l, std::string reply,
                                           std::unique_ptr<flow::transport>* connection = nullptr);

// Empty if this kernel loops vsock connections back to itself.
std::string why_no_vsock_loopback();

enum class transport_kind { memory, unix, hybrid, vsock };

inline std::string name_of(transport_kind kind) {
  switch (kind) {
    case transport_kind::memory:
      return "memory";
    case transport_kind::unix:
      return "unix";
    case transport_kind::hybrid:
      return "hybrid";
    case transport_kind::vsock:
      return "vsock";
  }
  return "";
}

struct transport_pair {
  std::unique_ptr<flow::transport> first;
  std::unique_ptr<flow::transport> second;
};

flow::awaitable<transport_pair> connect_pair(transport_kind kind);

}  // namespace tests
