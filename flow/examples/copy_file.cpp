// Transfers a file; both ends know that it arrived complete:
//   copy_file receive unix:///tmp/socket COPY
//   copy_file send unix:///tmp/socket FILE
#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/this_coro.hpp>
#include <chrono>
#include <cstdio>
#include <memory>
#include <string>

#include "flow/endpoint.hpp"
#include "flow/stream.hpp"

using namespace std::chrono_literals;
using file = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

flow::awaitable<flow::result<void>> send(flow::address to, file from) {
  const auto executor = co_await flow::asio::this_coro::executor;
  auto connected = co_await flow::connect(executor, to, 10s);
  if (!connected) {
    co_return connected.error();
  }
  flow::stream stream(std::move(connected.value()));
  std::array<char, 65536> piece;
  while (const auto n = std::fread(piece.data(), 1, piece.size(), from.get())) {
    const auto written = co_await stream.write(flow::asio::buffer(piece.data(), n));
    if (!written) {
      co_return written;
    }
  }
  const auto shut = co_await stream.shutdown_write();
  if (!shut) {
    co_return shut;
  }
  // The receiver does the same when it has everything: that is the proof.
  const auto end = co_await stream.read_some(flow::asio::buffer(piece));
  if (end.has_value() || end.error().code() != flow::asio::error::eof) {
    co_return flow::error(flow::errc::truncated, "the receiver did not confirm");
  }
  static_cast<void>(co_await stream.close(5s));
  co_return flow::result<void>();
}

flow::awaitable<flow::result<void>> receive(flow::address at, file to) {
  const auto executor = co_await flow::asio::this_coro::executor;
  auto listener = flow::listen(executor, at);
  if (!listener) {
    co_return listener.error();
  }
  auto connected = co_await listener.value().accept();
  if (!connected) {
    co_return connected.error();
  }
  flow::stream stream(std::move(connected.value().connection));
  std::array<char, 65536> piece;
  for (;;) {
    const auto n = co_await stream.read_some(flow::asio::buffer(piece));
    if (!n && n.error().code() == flow::asio::error::eof) {
      break;
    }
    // Any end other than the sender's own means that data is missing.
    if (!n) {
      co_return n.error();
    }
    if (std::fwrite(piece.data(), 1, n.value(), to.get()) != n.value()) {
      co_return flow::system_error("write");
    }
  }
  if (std::fclose(to.release()) != 0) {
    co_return flow::system_error("write");
  }
  const auto confirmed = co_await stream.shutdown_write();
  static_cast<void>(co_await stream.close(5s));
  co_return confirmed;
}

int main(int argc, char** argv) {
  const std::string verb = argc == 4 ? argv[1] : "";
  const auto address = flow::parse_address(argc == 4 ? argv[2] : "");
  if (!address || (verb != "send" && verb != "receive")) {
    std::fprintf(stderr, "usage: copy_file send|receive ADDRESS FILE\n");
    return 2;
  }
  file f(std::fopen(argv[3], verb == "send" ? "rb" : "wb"), std::fclose);
  if (!f) {
    std::perror(argv[3]);
    return 2;
  }
  flow::asio::io_context context(1);
  int status = 1;
  auto task =
      verb == "send" ? send(address.value(), std::move(f)) : receive(address.value(), std::move(f));
  flow::asio::co_spawn(context, std::move(task), [&](const auto&, const flow::result<void>& done) {
    status = done ? 0 : 1;
    if (!done) {
      std::fprintf(stderr, "%s\n", done.error().message().c_str());
    }
  });
  context.run();
  return status;
}
