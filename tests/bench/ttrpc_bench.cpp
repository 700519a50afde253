// ttrpc over a unix socket pair, client and server in one thread: the time of a call, its heap
// allocations, and the cost of idle calls and connections.
#include <benchmark/benchmark.h>
#include <malloc.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/local/connect_pair.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "flow/event.hpp"
#include "flow/task_group.hpp"
#include "runtime_api/ttrpc/server.hpp"
#include "test.ttrpc.hpp"
#include "tests/bench/count_allocations.hpp"

namespace {

namespace asio = boost::asio;
using flow::awaitable;
using flow::result;
using tests::rpc::Number;
using tests::rpc::Payload;

class bench_service final : public tests::rpc::test_service {
 public:
  explicit bench_service(const asio::any_io_executor& executor) : changed_(executor) {}

  awaitable<result<Payload>> echo(ttrpc::call_context& /*context*/,
                                  const Payload& request) override {
    co_return request;
  }

  awaitable<result<Payload>> wait(ttrpc::call_context& context, const Payload& request) override {
    ++waiting;
    const std::stop_callback wake(context.stop_token(), [this] { changed_.notify_all(); });
    while (!context.cancelled()) {
      co_await changed_.wait();
    }
    --waiting;
    co_return request;
  }

  awaitable<result<void>> count(ttrpc::call_context& /*context*/, const Number& request,
                                ttrpc::stream_writer<Number> out) override {
    Number next;
    for (std::int64_t i = 0; i < request.value(); ++i) {
      next.set_value(i);
      const auto written = co_await out.write(next);
      if (!written) {
        co_return written.error();
      }
    }
    co_return result<void>();
  }

  std::size_t waiting = 0;

 private:
  flow::event changed_;
};

using socket_type = asio::local::stream_protocol::socket;

struct both_ends {
  both_ends() {
    server.add_service(service);
    client = connect();
  }

  std::unique_ptr<ttrpc::client> connect() {
    socket_type near(context);
    socket_type far(context);
    asio::local::connect_pair(near, far);
    server.serve(ttrpc::make_byte_stream(std::move(far)));
    return std::make_unique<ttrpc::client>(context.get_executor(),
                                           ttrpc::make_byte_stream(std::move(near)), log);
  }

  void run(awaitable<void> body) {
    bool done = false;
    asio::co_spawn(context, std::move(body), [&](const std::exception_ptr& e) {
      done = true;
      if (e) {
        std::rethrow_exception(e);
      }
    });
    while (!done) {
      context.run_one();
    }
  }

  ~both_ends() { run(stop()); }
  both_ends(const both_ends&) = delete;
  both_ends& operator=(const both_ends&) = delete;

  awaitable<void> stop() {
    client->close();
    co_await client->join();
    server.close();
    co_await server.join();
  }

  asio::io_context context{1};
  flow::log log{-1};
  bench_service service{context.get_executor()};
  ttrpc::server server{context.get_executor(), log};
  std::unique_ptr<ttrpc::client> client;
};

awaitable<void> echo_loop(benchmark::State& state, const ttrpc::client& client,
                          const Payload& payload) {
  const tests::rpc::test_client test(client);
  for (auto _ : state) {
    const auto answer = co_await test.echo(payload);
    if (!answer) {
      state.SkipWithError("call failed");
      break;
    }
  }
}

void unary(benchmark::State& state) {
  both_ends ends;
  Payload payload;
  payload.set_data(std::string(static_cast<std::size_t>(state.range(0)), 'x'));
  const auto before = bench::allocations();
  ends.run(echo_loop(state, *ends.client, payload));
  state.counters["allocations"] = benchmark::Counter(
      static_cast<double>(bench::allocations() - before), benchmark::Counter::kAvgIterations);
  state.SetBytesProcessed(2 * state.range(0) * static_cast<std::int64_t>(state.iterations()));
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()));
}
BENCHMARK(unary)->Arg(64)->Arg(65536);

awaitable<void> echo_times(const ttrpc::client& client, int times) {
  const tests::rpc::test_client test(client);
  Payload payload;
  payload.set_data(std::string(64, 'x'));
  for (int i = 0; i < times; ++i) {
    co_await test.echo(payload);
  }
}

awaitable<void> many_at_once(benchmark::State& state, both_ends& ends) {
  constexpr int each = 100;
  flow::task_group tasks(ends.context.get_executor(),
                         [](const std::string&, const std::exception_ptr&) {});
  for (auto _ : state) {
    for (std::int64_t i = 0; i < state.range(0); ++i) {
      tasks.spawn("echo", echo_times(*ends.client, each));
    }
    co_await tasks.join();
  }
  state.SetItemsProcessed(state.range(0) * each * static_cast<std::int64_t>(state.iterations()));
}

void unary_in_flight(benchmark::State& state) {
  both_ends ends;
  ends.run(many_at_once(state, ends));
}
BENCHMARK(unary_in_flight)->Arg(10)->Arg(100);

awaitable<void> read_stream(benchmark::State& state, const ttrpc::client& client) {
  const tests::rpc::test_client test(client);
  Number count;
  count.set_value(10'000);
  Number next;
  for (auto _ : state) {
    auto stream = test.count(count);
    for (;;) {
      const auto got = co_await stream.read(next);
      if (!got || *got == ttrpc::received::end) {
        break;
      }
    }
  }
  state.SetItemsProcessed(count.value() * static_cast<std::int64_t>(state.iterations()));
}

void server_stream(benchmark::State& state) {
  both_ends ends;
  ends.run(read_stream(state, *ends.client));
}
BENCHMARK(server_stream);

awaitable<void> blocked_call(const ttrpc::client& client) {
  const tests::rpc::test_client test(client);
  co_await test.wait(Payload());
}

// Heap bytes of one additional blocked call: both of its ends.
void blocked_calls(benchmark::State& state) {
  constexpr std::size_t calls = 1000;
  for (auto _ : state) {
    both_ends ends;
    flow::task_group tasks(ends.context.get_executor(),
                           [](const std::string&, const std::exception_ptr&) {});
    const auto before = ::mallinfo2().uordblks;
    for (std::size_t i = 0; i < calls; ++i) {
      tasks.spawn("wait", blocked_call(*ends.client));
    }
    while (ends.service.waiting != calls) {
      ends.context.run_one();
    }
    ends.context.poll();
    state.counters["bytes_per_call"] =
        static_cast<double>(::mallinfo2().uordblks - before) / static_cast<double>(calls);
    ends.client->close();
    ends.run(tasks.join());
  }
}
BENCHMARK(blocked_calls)->Iterations(1);

// Heap bytes of one additional connection without calls: both of its ends.
void idle_connections(benchmark::State& state) {
  constexpr std::size_t connections = 100;
  for (auto _ : state) {
    both_ends ends;
    ends.context.poll();
    const auto before = ::mallinfo2().uordblks;
    std::vector<std::unique_ptr<ttrpc::client>> clients;
    clients.reserve(connections);
    for (std::size_t i = 0; i < connections; ++i) {
      clients.push_back(ends.connect());
    }
    ends.context.poll();
    for (const auto& client : clients) {
      ends.run(echo_times(*client, 1));
    }
    ends.context.poll();
    state.counters["bytes_per_connection"] =
        static_cast<double>(::mallinfo2().uordblks - before) / static_cast<double>(connections);
    for (const auto& client : clients) {
      client->close();
      ends.run(client->join());
    }
  }
}
BENCHMARK(idle_connections)->Iterations(1);

}  // namespace

BENCHMARK_MAIN();
