// A stream against the raw unix socket it runs on. Bytes are counted where they are received; each
// side is a thread of its own with the same structure: one loop that writes, one that reads.
//
//   flow_bench --benchmark_repetitions=5 --benchmark_report_aggregates_only=true
//
// The argument `wait` of a raw socket: 0 blocks in the system call, 1 waits with epoll, as every
// program does that has more than one thing to do.
#include <benchmark/benchmark.h>
#include <sys/socket.h>

#include <optional>
#include <thread>
#include <vector>

#include "flow/socket_transport.hpp"
#include "flow/stream.hpp"
#include "flow/task_group.hpp"
#include "tests/bench/count_allocations.hpp"
#include "tests/bench/raw_socket.hpp"

namespace {

namespace asio = boost::asio;
using bench::raw_socket;
using bench::waiting;
using flow::awaitable;
using flow::stream;
using flow::unique_fd;

constexpr std::size_t read_size = 65536;
constexpr std::uint64_t bytes_per_round = std::uint64_t{32} << 20U;

std::pair<unique_fd, unique_fd> connected_pair() {
  int fds[2] = {-1, -1};
  ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds);
  return {unique_fd(fds[0]), unique_fd(fds[1])};
}

// The allocations that the measured rounds make, in both threads, per frame.
class allocation_counter {
 public:
  explicit allocation_counter(benchmark::State& state)
      : state_(state), before_(bench::allocations()) {}
  allocation_counter(const allocation_counter&) = delete;
  allocation_counter& operator=(const allocation_counter&) = delete;
  ~allocation_counter() {
    const auto n = static_cast<double>(bench::allocations() - before_);
    state_.counters["allocs"] = n;
  }

 private:
  benchmark::State& state_;
  std::uint64_t before_;
};

// --- bulk: one side writes for ever, the other counts what arrives

void raw_send(unique_fd fd, waiting how, std::size_t write_size) {
  raw_socket socket(std::move(fd), how);
  const std::vector<std::byte> data(write_size);
  while (socket.write(data)) {
  }
}

void raw_bulk(benchmark::State& state) {
  auto [sending, receiving] = connected_pair();
  const auto how = state.range(1) == 0 ? waiting::in_call : waiting::in_epoll;
  std::thread sender(raw_send, std::move(sending), how, static_cast<std::size_t>(state.range(0)));
  {
    raw_socket socket(std::move(receiving), how);
    std::vector<std::byte> buffer(read_size);
    for (auto _ : state) {
      for (std::uint64_t got = 0; got < bytes_per_round;) {
        got += socket.read_some(buffer);
      }
    }
  }
  sender.join();
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bytes_per_round));
}

// Runs the coroutine that `session` makes of a stream to its end.
template <class Session>
void run(unique_fd fd, const stream::options& options, Session session) {
  asio::io_context context(1);
  auto socket = flow::adopt_socket(context.get_executor(), std::move(fd));
  stream s(std::move(socket).value(), options);
  flow::task_group tasks(context.get_executor(),
                         [](const std::string&, const std::exception_ptr&) { std::terminate(); });
  tasks.spawn("session", session(std::move(s)));
  context.run();
}

awaitable<void> send_for_ever(stream s, std::size_t write_size) {
  const std::vector<std::byte> data(write_size);
  for (;;) {
    const auto sent = co_await s.write(asio::buffer(data));
    if (!sent) {
      co_return;
    }
  }
}

awaitable<void> receive_rounds(stream s, benchmark::State* state) {
  std::vector<std::byte> buffer(read_size);
  // One round before the first measured one, so that pools and caches are filled.
  std::optional<allocation_counter> allocations;
  for (auto _ : *state) {
    for (std::uint64_t got = 0; got < bytes_per_round;) {
      const auto n = co_await s.read_some(asio::buffer(buffer));
      got += n.value();
    }
    if (!allocations) {
      allocations.emplace(*state);
    }
  }
}

void flow_bulk(benchmark::State& state) {
  auto [sending, receiving] = connected_pair();
  stream::options options;
  options.max_payload = static_cast<std::uint32_t>(state.range(1));
  const auto size = static_cast<std::size_t>(state.range(0));
  std::thread sender([fd = std::move(sending), options, size]() mutable {
    run(std::move(fd), options, [&](stream s) { return send_for_ever(std::move(s), size); });
  });
  run(std::move(receiving), options,
      [&](stream s) { return receive_rounds(std::move(s), &state); });
  sender.join();
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bytes_per_round));
}

// --- round trips of a message of fixed size

void raw_echo(unique_fd fd, waiting how, std::size_t size) {
  raw_socket socket(std::move(fd), how);
  std::vector<std::byte> message(size);
  while (socket.read_all(message) && socket.write(message)) {
  }
}

void raw_round_trip(benchmark::State& state) {
  auto [there, here] = connected_pair();
  const auto how = state.range(1) == 0 ? waiting::in_call : waiting::in_epoll;
  const auto size = static_cast<std::size_t>(state.range(0));
  std::thread echo(raw_echo, std::move(there), how, size);
  {
    raw_socket socket(std::move(here), how);
    std::vector<std::byte> message(size);
    for (auto _ : state) {
      socket.write(message);
      socket.read_all(message);
    }
  }
  echo.join();
}

awaitable<void> echo_messages(stream s, std::size_t size) {
  std::vector<std::byte> message(size);
  for (;;) {
    for (auto rest = asio::buffer(message); rest.size() != 0;) {
      const auto n = co_await s.read_some(rest);
      if (!n) {
        co_return;
      }
      rest += *n;
    }
    const auto written = co_await s.write(asio::buffer(message));
    if (!written) {
      co_return;
    }
  }
}

awaitable<void> call(stream s, std::size_t size, benchmark::State* state) {
  std::vector<std::byte> message(size);
  std::optional<allocation_counter> allocations;
  for (auto _ : *state) {
    const auto written = co_await s.write(asio::buffer(message));
    if (!written) {
      state->SkipWithError("connection lost");
    }
    for (auto rest = asio::buffer(message); rest.size() != 0;) {
      const auto n = co_await s.read_some(rest);
      rest += n.value();
    }
    if (!allocations) {
      allocations.emplace(*state);
    }
  }
}

void flow_round_trip(benchmark::State& state) {
  auto [there, here] = connected_pair();
  const auto size = static_cast<std::size_t>(state.range(0));
  std::thread echo([fd = std::move(there), size]() mutable {
    run(std::move(fd), {}, [&](stream s) { return echo_messages(std::move(s), size); });
  });
  run(std::move(here), {}, [&](stream s) { return call(std::move(s), size, &state); });
  echo.join();
}

BENCHMARK(raw_bulk)
    ->ArgNames({"write", "wait"})
    ->ArgsProduct({{4096, 65536}, {0, 1}})
    ->UseRealTime();
BENCHMARK(flow_bulk)
    ->ArgNames({"write", "max_payload"})
    ->ArgsProduct({{4096, 65536}, {flow::legacy_max_payload, flow::agreed_max_payload}})
    ->UseRealTime();
BENCHMARK(raw_round_trip)->ArgNames({"size", "wait"})->ArgsProduct({{64}, {0, 1}})->UseRealTime();
BENCHMARK(flow_round_trip)->ArgName("size")->Arg(64)->UseRealTime();

}  // namespace

BENCHMARK_MAIN();
