// hvcat: connects standard input and output, a file or an echo to a peer.
#include "flow/tools/cat.hpp"
#include "flow/tools/program.hpp"

namespace {

flow::awaitable<flow::tools::exit_status> run(flow::asio::any_io_executor executor,
                                              flow::tools::cat_options options) {
  flow::tools::cat cat(executor, std::move(options));
  co_return co_await cat.run();
}

}  // namespace

int main(int argc, char** argv) {
  const auto options = flow::tools::parse_cat_options(argc, argv);
  return flow::tools::run([&](const auto& executor) { return run(executor, options); });
}
