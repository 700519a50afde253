#include "runtime_api/ttrpc/unix_socket.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include "flow/system/unix_socket.hpp"
#include "runtime_api/ttrpc/limits.hpp"
#include "runtime_api/ttrpc/status.hpp"

namespace ttrpc {

using flow::awaitable;
using flow::error;
using flow::result;
using unix_stream = boost::asio::local::stream_protocol;

result<void> require_same_user(int fd) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) {
    return flow::system_error("get peer credentials");
  }
  if (peer.uid != ::geteuid() || peer.gid != ::getegid()) {
    return error(code::permission_denied,
                 "peer has uid " + std::to_string(peer.uid) + " gid " + std::to_string(peer.gid));
  }
  return {};
}

awaitable<result<std::unique_ptr<byte_stream>>> connect_unix(std::string path) {
  // A unix socket connects at once or not at all. Asio would wait for one whose backlog is full,
  // and then consider it connected.
  auto fd = flow::connect_unix(path);
  if (!fd) {
    co_return fd.error();
  }
  const auto executor = co_await boost::asio::this_coro::executor;
  unix_stream::socket socket(executor);
  flow::error_code ec;
  socket.assign(unix_stream(), fd->get(), ec);
  if (ec) {
    co_return error(ec, "connect to " + path);
  }
  fd->release();
  co_return make_byte_stream(std::move(socket));
}

unix_listener::unix_listener(const boost::asio::any_io_executor& executor,
                             flow::unique_fd listening, server& target, flow::log& log)
    : acceptor_(executor, unix_stream(), listening.release()),
      pause_(executor),
      server_(target),
      log_(log) {}

awaitable<void> unix_listener::run() {
  while (acceptor_.is_open()) {
    unix_stream::socket socket(acceptor_.get_executor());
    const auto r = co_await acceptor_.async_accept(socket, flow::as_result);
    const auto& [ec] = r;
    if (!ec) {
      if (const auto same = require_same_user(socket.native_handle()); same) {
        server_.serve(make_byte_stream(std::move(socket)));
      } else {
        log_.warning("ttrpc connection refused", {{"err", same.error().message()}});
      }
    } else if (acceptor_.is_open()) {
      log_.error("accept failed", {{"err", ec.message()}});
      pause_.expires_after(accept_pause);
      co_await pause_.async_wait(flow::as_result);
    }
  }
}

void unix_listener::close() {
  flow::error_code ignored;
  acceptor_.close(ignored);
  pause_.cancel();
}

}  // namespace ttrpc
