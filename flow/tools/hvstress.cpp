// hvstress: random conversations with an echo, checked.
#include "flow/tools/program.hpp"
#include "flow/tools/stress.hpp"

namespace {

using namespace flow::tools;

flow::awaitable<exit_status> run(flow::asio::any_io_executor executor, stress_options options) {
  if (options.listen) {
    stress_server server(executor, std::move(options));
    co_return co_await server.run();
  }
  stress_client client(executor, std::move(options));
  co_return co_await client.run();
}

}  // namespace

int main(int argc, char** argv) {
  const auto options = parse_stress_options(argc, argv);
  return flow::tools::run([&](const auto& executor) { return run(executor, options); });
}
