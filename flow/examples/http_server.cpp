// Serves HTTP with Boost.Beast over shutdown-safe streams: http_server vsock://any:80
#include <boost/asio/co_spawn.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <cstdio>

#include "flow/endpoint.hpp"
#include "flow/stream.hpp"
#include "flow/task_group.hpp"

namespace http = boost::beast::http;
using flow::as_result;

flow::awaitable<void> serve_client(flow::stream client) {
  boost::beast::flat_buffer buffer;
  for (bool keep = true; keep;) {
    http::request<http::string_body> request;
    const auto read = co_await http::async_read(client, buffer, request, as_result);
    if (std::get<0>(read)) {
      break;
    }
    keep = request.keep_alive();
    http::response<http::string_body> response(http::status::ok, request.version());
    response.set(http::field::content_type, "text/plain");
    response.body() = "you asked for " + std::string(request.target()) + "\n";
    response.keep_alive(keep);
    response.prepare_payload();
    const auto written = co_await http::async_write(client, response, as_result);
    keep = keep && !std::get<0>(written);
  }
  // Every byte was accepted; close() asks whether the client has received them.
  const auto closed = co_await client.close(std::chrono::seconds(5));
  std::printf("client done%s\n", closed.acknowledged ? "" : ", but did not confirm");
}

flow::awaitable<void> serve(flow::listener at, flow::task_group& clients) {
  for (;;) {
    auto next = co_await at.accept();
    if (!next) {
      std::printf("accept: %s\n", next.error().message().c_str());
      co_return;
    }
    clients.spawn("client", serve_client(flow::stream(std::move(next.value().connection))));
  }
}

int main(int argc, char** argv) {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  boost::asio::io_context context(1);
  const auto address = flow::parse_address(argc == 2 ? argv[1] : "");
  auto listener = address ? flow::listen(context.get_executor(), address.value()) : address.error();
  if (!listener) {
    std::printf("%s\nusage: http_server ADDRESS\n", listener.error().message().c_str());
    return 2;
  }
  flow::task_group clients(context.get_executor(), [](const auto& task, const auto& failure) {
    std::printf("%s failed: %s\n", task.c_str(), flow::describe(failure).c_str());
  });
  clients.spawn("listen", serve(std::move(listener.value()), clients));
  context.run();
}
