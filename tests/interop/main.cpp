// Our half of hack/interop-ttrpc.
//
//   ttrpc_interop serve PATH   serves on the unix socket PATH until standard input ends
//   ttrpc_interop call PATH    checks the server on that socket
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>

#include "flow/task_group.hpp"
#include "runtime_api/ttrpc/unix_socket.hpp"
#include "tests/interop/interop_client.hpp"
#include "tests/interop/interop_service.hpp"

namespace {

using flow::awaitable;

flow::unique_fd listen_at(const std::string& path) {
  flow::unique_fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(fd.get(), SOMAXCONN) != 0) {
    fd.reset();
  }
  return fd;
}

awaitable<bool> serve(std::string path) {
  const auto executor = co_await boost::asio::this_coro::executor;
  flow::log log(STDERR_FILENO);
  auto fd = listen_at(path);
  if (!fd) {
    std::perror(path.c_str());
    co_return false;
  }
  interop::streaming streaming;
  interop::extra extra;
  ttrpc::server server(executor, log);
  server.add_service(streaming);
  server.add_service(extra);
  ttrpc::unix_listener listener(executor, std::move(fd), server, log);
  flow::task_group tasks(
      executor, [](const std::string&, const std::exception_ptr&) { std::puts("failed"); });
  tasks.spawn("listener", listener.run());
  std::puts("ready");
  std::fflush(stdout);

  boost::asio::posix::stream_descriptor input(executor, STDIN_FILENO);
  char ignored = 0;
  co_await input.async_read_some(boost::asio::buffer(&ignored, 1), flow::as_result);
  listener.close();
  const bool clean = co_await server.shutdown(std::chrono::seconds(5));
  co_await tasks.join();
  co_return clean;
}

awaitable<bool> call(std::string path) {
  const auto executor = co_await boost::asio::this_coro::executor;
  flow::log log(STDERR_FILENO);
  auto stream = co_await ttrpc::connect_unix(path);
  if (!stream) {
    std::puts(stream.error().message().c_str());
    co_return false;
  }
  ttrpc::client client(executor, std::move(*stream), log);
  const bool passed = co_await interop::check_server(client);
  client.close();
  co_await client.join();
  co_return passed;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view mode = argc == 3 ? argv[1] : "";
  if (mode != "serve" && mode != "call") {
    std::fputs("usage: ttrpc_interop serve|call PATH\n", stderr);
    return 2;
  }
  boost::asio::io_context context(1);
  bool passed = false;
  boost::asio::co_spawn(context, mode == "serve" ? serve(argv[2]) : call(argv[2]),
                        [&](const std::exception_ptr& e, bool result) { passed = !e && result; });
  context.run();
  return passed ? 0 : 1;
}
