// A stream compared with the raw unix socket it runs on. Bytes are counted where they are received;
// each side is a thread of its own with the same structure: one loop that writes, one that reads.
//
//   flow_bench --benchmark_repetitions=5 --benchmark_report_aggregates_only=true
//
// The argument `wait` of a raw socket: 0 blocks in the system call, 1 waits with epoll, as every
// program does that has more than one task.
//
// Counters: cpu_s_per_GiB is processor time of both sides; allocs_per_frame counts the heap
// allocations of both.
#include <benchmark/benchmark.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
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

double processor_seconds() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

// The cost of moving bytes, in both threads, from its construction to its end.
class cost {
 public:
  explicit cost(benchmark::State& state)
      : state_(state), allocations_(bench::allocations()), processor_(processor_seconds()) {}
  cost(const cost&) = delete;
  cost& operator=(const cost&) = delete;
  ~cost() {
    constexpr double gib = 1U << 30U;
    if (bytes_ != 0) {
      state_.counters["cpu_s_per_GiB"] = (processor_seconds() - processor_) / (bytes_ / gib);
    }
    if (frames_ != 0) {
      state_.counters["allocs_per_frame"] =
          static_cast<double>(bench::allocations() - allocations_) / frames_;
    }
  }

  void moved(std::uint64_t bytes, std::uint64_t frames) {
    bytes_ += static_cast<double>(bytes);
    frames_ += static_cast<double>(frames);
  }

 private:
  benchmark::State& state_;
  std::uint64_t allocations_;
  double processor_;
  double bytes_ = 0;
  double frames_ = 0;
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
    cost spent(state);
    for (auto _ : state) {
      for (std::uint64_t got = 0; got < bytes_per_round;) {
        got += socket.read_some(buffer);
      }
      spent.moved(bytes_per_round, 0);
    }
  }
  sender.join();
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bytes_per_round));
}

// Runs a coroutine that `session` creates from a stream to its end.
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

// `frame`: the payload of a frame.
awaitable<void> receive_rounds(stream s, benchmark::State* state, std::size_t frame) {
  std::vector<std::byte> buffer(read_size);
  // Counted from the second round on, when pools and caches are filled.
  std::optional<cost> spent;
  for (auto _ : *state) {
    for (std::uint64_t got = 0; got < bytes_per_round;) {
      const auto n = co_await s.read_some(asio::buffer(buffer));
      got += n.value();
    }
    if (spent) {
      spent->moved(bytes_per_round, bytes_per_round / frame);
    } else {
      spent.emplace(*state);
    }
  }
}

void flow_bulk(benchmark::State& state) {
  auto [sending, receiving] = connected_pair();
  stream::options options;
  const auto max_payload = static_cast<std::size_t>(state.range(1));
  options.max_payload = static_cast<std::uint32_t>(max_payload);
  const auto size = static_cast<std::size_t>(state.range(0));
  std::thread sender([fd = std::move(sending), options, size]() mutable {
    run(std::move(fd), options, [&](stream s) { return send_for_ever(std::move(s), size); });
  });
  run(std::move(receiving), options,
      [&](stream s) { return receive_rounds(std::move(s), &state, std::min(size, max_payload)); });
  sender.join();
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bytes_per_round));
}

// Frames written as both ancestors of the protocol do, whatever the amount of data: one call for
// the header and one for the payload.
void send_in_two_writes(unique_fd fd, waiting how, std::size_t payload) {
  raw_socket socket(std::move(fd), how);
  const auto length = static_cast<std::uint32_t>(payload);
  const std::array header{static_cast<std::byte>(length), static_cast<std::byte>(length >> 8U),
                          static_cast<std::byte>(length >> 16U),
                          static_cast<std::byte>(length >> 24U)};
  const std::vector<std::byte> data(payload);
  while (socket.write(header) && socket.write(data)) {
  }
}

void two_writes_bulk(benchmark::State& state) {
  auto [sending, receiving] = connected_pair();
  const auto payload = static_cast<std::size_t>(state.range(0));
  std::thread sender(send_in_two_writes, std::move(sending), waiting::in_epoll, payload);
  run(std::move(receiving), {},
      [&](stream s) { return receive_rounds(std::move(s), &state, payload); });
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
  std::optional<cost> spent;
  for (auto _ : *state) {
    const auto written = co_await s.write(asio::buffer(message));
    if (!written) {
      state->SkipWithError("connection lost");
    }
    for (auto rest = asio::buffer(message); rest.size() != 0;) {
      const auto n = co_await s.read_some(rest);
      rest += n.value();
    }
    if (spent) {
      spent->moved(0, 2);
    } else {
      spent.emplace(*state);
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
BENCHMARK(two_writes_bulk)->ArgName("payload")->Arg(flow::legacy_max_payload)->UseRealTime();
BENCHMARK(raw_round_trip)->ArgNames({"size", "wait"})->ArgsProduct({{64}, {0, 1}})->UseRealTime();
BENCHMARK(flow_round_trip)->ArgName("size")->Arg(64)->UseRealTime();

}  // namespace

BENCHMARK_MAIN();
