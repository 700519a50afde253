#include <unistd.h>

#include "flow/tools/accept_all.hpp"
#include "flow/tools/bench.hpp"

namespace flow::tools {
namespace {

constexpr std::size_t read_size = 1U << 20U;
constexpr std::uint64_t longest_ms = 3'600'000;

}  // namespace

bench_server::bench_server(const asio::any_io_executor& executor, bench_options o)
    : options_(std::move(o)),
      interruption_(executor),
      log_(STDERR_FILENO, options_.verbose ? log::level::info : log::level::warning),
      tasks_(executor, [this](const std::string& name, const std::exception_ptr& e) {
        log_.error("unexpected failure", {{"task", name}, {"err", describe(e)}});
      }) {}

awaitable<exit_status> bench_server::run() {
  const auto serve_one = [this](accepted arrived) { return serve(std::move(arrived)); };
  co_return co_await listen_and_serve(options_.connections, options_.peer, interruption_, log_,
                                      tasks_, serve_one);
}

awaitable<void> bench_server::serve(accepted arrived) {
  const auto peer = options_.connections.speak(std::move(arrived.connection), options_.peer);
  const interruption::handler stop(interruption_, [&peer] { peer->abort(); });
  const auto answered = co_await answer(*peer);
  if (!answered) {
    log_.warning("measurement failed", {{"err", answered.error().message()}});
    peer->abort();
    co_return;
  }
  co_await peer->close(options_.connections.close_timeout);
}

awaitable<result<void>> bench_server::answer(duplex& peer) {
  encoded_request bytes{};
  const auto got = co_await read_whole(peer, asio::buffer(bytes));
  if (!got) {
    co_return got;
  }
  const auto r = decode(bytes);
  if (!r || r->milliseconds > longest_ms) {
    co_return error(errc::protocol, "not a request of hvbench");
  }
  switch (r->mode) {
    case bench_mode::upload:
      co_return co_await receive(peer);
    case bench_mode::download:
      co_return co_await send(peer, *r);
    case bench_mode::latency:
      co_return co_await echo(peer, r->size);
    case bench_mode::connect:
      break;
  }
  co_return result<void>();
}

awaitable<result<void>> bench_server::receive(duplex& peer) {
  std::vector<std::byte> buffer(read_size);
  std::uint64_t bytes = 0;
  std::optional<stopwatch> watch;
  for (;;) {
    const auto n = co_await peer.read_some(asio::buffer(buffer));
    if (!watch) {
      watch.emplace();
    }
    if (!n && n.error().code() == asio::error::eof) {
      break;
    }
    if (!n) {
      co_return n.error();
    }
    bytes += *n;
  }
  const auto report = encode(watch->finish(bytes));
  const auto written = co_await peer.write(asio::buffer(report));
  if (!written) {
    co_return written;
  }
  co_return co_await peer.shutdown_write();
}

awaitable<result<void>> bench_server::send(duplex& peer, const bench_request& r) {
  const stopwatch watch;
  const auto sent = co_await write_for(peer, r.size, std::chrono::milliseconds(r.milliseconds));
  if (!sent) {
    co_return sent.error();
  }
  const auto report = encode(watch.finish(*sent));
  const auto written = co_await peer.write(asio::buffer(report));
  if (!written) {
    co_return written;
  }
  co_return co_await peer.shutdown_write();
}

awaitable<result<void>> bench_server::echo(duplex& peer, std::uint32_t size) {
  std::vector<std::byte> buffer(size);
  for (;;) {
    const auto got = co_await read_whole(peer, asio::buffer(buffer));
    if (!got && got.error().code() == asio::error::eof) {
      co_return co_await peer.shutdown_write();
    }
    if (!got) {
      co_return got;
    }
    const auto written = co_await peer.write(asio::buffer(buffer));
    if (!written) {
      co_return written;
    }
  }
}

}  // namespace flow::tools
