// hvbench: measures the performance of a transport.
#include "flow/tools/bench.hpp"
#include "flow/tools/program.hpp"

namespace {

using namespace flow::tools;

flow::awaitable<exit_status> run(flow::asio::any_io_executor executor, bench_options options) {
  if (options.listen) {
    bench_server server(executor, std::move(options));
    co_return co_await server.run();
  }
  bench_client client(executor, std::move(options));
  co_return co_await client.run();
}

}  // namespace

int main(int argc, char** argv) {
  const auto options = parse_bench_options(argc, argv);
  return flow::tools::run([&](const auto& executor) { return run(executor, options); });
}
