// Unix sockets as connections: accepting for a server, connecting for a client.
#pragma once

#include <boost/asio/local/stream_protocol.hpp>
#include <memory>
#include <string>

#include "flow/asio.hpp"
#include "flow/error.hpp"
#include "flow/system/log.hpp"
#include "flow/unique_fd.hpp"
#include "runtime_api/ttrpc/byte_stream.hpp"
#include "runtime_api/ttrpc/server.hpp"

namespace ttrpc {

// Whether the process at the other end of the unix socket `fd` had our effective user and group
// when it connected (SO_PEERCRED). permission_denied if not.
flow::result<void> require_same_user(int fd);

// Connects to the socket at `path`, on the caller's executor.
flow::awaitable<flow::result<std::unique_ptr<byte_stream>>> connect_unix(std::string path);

// Accepts connections of our own user for a server; others are closed and logged. Neither binds nor
// unlinks: the path belongs to the creator of the socket.
class unix_listener {
 public:
  // `listening` is a unix stream socket on which listen(2) was called. `target` and `log` must
  // outlive the listener.
  unix_listener(const boost::asio::any_io_executor& executor, flow::unique_fd listening,
                server& target, flow::log& log);

  // Returns after close(). A shortage of descriptors or memory is logged and delays accepting.
  flow::awaitable<void> run();

  // Accepts no further connections. Those already accepted belong to the server.
  void close();

 private:
  boost::asio::local::stream_protocol::acceptor acceptor_;
  boost::asio::steady_timer pause_;
  server& server_;
  flow::log& log_;
};

}  // namespace ttrpc
