// hvforward: forwards between hypervisor sockets and unix sockets, in either direction.
#include "flow/tools/forwarder.hpp"
#include "flow/tools/program.hpp"

namespace {

flow::awaitable<flow::tools::exit_status> run(flow::asio::any_io_executor executor,
                                              flow::tools::forward_options options) {
  flow::tools::forwarder forwarder(executor, std::move(options));
  co_return co_await forwarder.run();
}

}  // namespace

int main(int argc, char** argv) {
  const auto options = flow::tools::parse_forward_options(argc, argv);
  return flow::tools::run([&](const auto& executor) { return run(executor, options); });
}
