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

// Whether the process at the other end of the unix socket `fd` has our effective user and group
// (when it connected, by SO_PEERCRED). permission_denied if not.
flow::result<void> require_same_user(int fd);

// Connects to the socket at `path`, on the executor of the caller.
flow::awaitable<flow::result<std::unique_ptr<byte_stream>>> connect_unix(std::string path);

// Accepts connections of our own user for a server; others are closed and logged. Neither binds nor
// unlinks: the path belongs to whoever made the socket.
class unix_listener {
 public:
  // `listening` is a unix stream socket on which listen(2) was called. `target` and `log` outlive
  // the listener.
  unix_listener(const boost::asio::any_io_executor& executor, flow::unique_fd listening,
                server& target, flow::log& log);

  // Returns after close(). A shortage of descriptors or memory delays and is logged.
  flow::awaitable<void> run();

  // No further connections. Those accepted are the server's business.
  void close();

 private:
  boost::asio::local::stream_protocol::acceptor acceptor_;
  boost::asio::steady_timer pause_;
  server& server_;
  flow::log& log_;
};

}  // namespace ttrpc
