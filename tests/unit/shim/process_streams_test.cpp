#include "shim/io/process_streams.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "flow/testing/manual_clock.hpp"
#include "tests/support/co_test.hpp"
#include "tests/support/fake_agent.hpp"
#include "tests/support/fake_machine.hpp"
#include "tests/support/settle.hpp"
#include "tests/support/temporary_directory.hpp"

using flow::awaitable;
using flow::errc;
using flow::unique_fd;
using namespace std::chrono_literals;
using shim::process_streams;
using shim::stdio_names;
using tests::co_test;
using tests::settle;

namespace {

// A guest that is up, and a client's FIFOs.
struct streams_bench {
  explicit streams_bench(boost::asio::any_io_executor ex)
      : executor(ex),
        log(-1),
        streams(ex, log),
        machine(ex),
        agent(ex, machine),
        guest(ex, machine, [](const hvsock::agent::v1::Event&) {}, log) {}

  awaitable<void> boot() {
    agent.boot();
    const auto connected = co_await guest.connect(60s);
    EXPECT_TRUE(connected);
  }

  awaitable<void> stop() {
    machine.kill();
    co_await guest.join();
    co_await agent.stop();
  }

  std::string fifo(const std::string& name) const {
    const auto path = directory / name;
    EXPECT_EQ(::mkfifo(path.c_str(), 0600), 0);
    return path;
  }

  flow::result<std::unique_ptr<process_streams>> open(const stdio_names& names) {
    return process_streams::open({executor, streams, limits, log},
                                 {"test", {"c1", "k8s.io"}, names});
  }

  boost::asio::any_io_executor executor;
  tests::temporary_directory directory;
  shim::delivery_limits limits;
  flow::log log;
  shim::streaming streams;
  tests::fake_machine machine;
  tests::fake_agent agent;
  shim::guest guest;
};

unique_fd read_end(const std::string& path) {
  return unique_fd(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
}

std::string take(const unique_fd& from) {
  std::string all(65536, '\0');
  const auto n = ::read(from.get(), all.data(), all.size());
  all.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
  return all;
}

void fail_test(const std::string& name, const std::exception_ptr& failure) {
  ADD_FAILURE() << name << ": " << flow::describe(failure);
}

bool at_end(const unique_fd& from) {
  char byte = 0;
  return ::read(from.get(), &byte, 1) == 0;
}

}  // namespace

TEST(ProcessStreams, NamesThatCannotBeOpenedAreErrors) {
  co_test([](auto executor) -> awaitable<void> {
    streams_bench b(executor);
    EXPECT_FALSE(b.open({.in = "/nowhere/in", .out = {}, .err = {}}));
    EXPECT_FALSE(b.open({.in = "/dev/null", .out = {}, .err = {}})) << "not a FIFO";
    EXPECT_FALSE(b.open({.in = {}, .out = "binary:///nonexistent", .err = {}}));
    EXPECT_FALSE(b.open({.in = {}, .out = b.fifo("out"), .err = "/nowhere/err"}));
    co_return;
  });
}

TEST(ProcessStreams, OnlyStreamsThatSomebodyWantsAreConnected) {
  co_test([](auto executor) -> awaitable<void> {
    streams_bench b(executor);
    const auto none = b.open({});
    auto wanted = none.value()->expect(b.guest);
    EXPECT_FALSE(wanted.has_stdin() || wanted.has_stdout() || wanted.has_stderr());
    const auto two = b.open({.in = b.fifo("in"), .out = {}, .err = b.fifo("err")});
    wanted = two.value()->expect(b.guest);
    EXPECT_TRUE(wanted.has_stdin());
    EXPECT_FALSE(wanted.has_stdout());
    EXPECT_TRUE(wanted.has_stderr());
    EXPECT_NE(wanted.stdin().token(), wanted.stderr().token());
    co_return;
  });
}

TEST(ProcessStreams, TerminalIsOneStreamAndAlwaysRead) {
  co_test([](auto executor) -> awaitable<void> {
    streams_bench b(executor);
    const auto terminal =
        b.open({.in = b.fifo("in"), .out = {}, .err = b.fifo("err"), .terminal = true});
    const auto wanted = terminal.value()->expect(b.guest);
    EXPECT_TRUE(wanted.terminal());
    EXPECT_TRUE(wanted.has_stdout());
    EXPECT_FALSE(wanted.has_stdin() || wanted.has_stderr());
    co_return;
  });
}

TEST(ProcessStreams, OutputsGoEachToItsOwnClient) {
  co_test([](auto executor) -> awaitable<void> {
    streams_bench b(executor);
    co_await b.boot();
    const stdio_names names{.in = {}, .out = b.fifo("out"), .err = b.fifo("err")};
    const auto out = read_end(names.out);
    const auto err = read_end(names.err);
    const auto streams = b.open(names);
    const auto wanted = streams.value()->expect(b.guest);
    const auto to_err = co_await b.agent.dial(wanted.stderr().token() + "error");
    const auto to_out = co_await b.agent.dial(wanted.stdout().token() + "output");
    const auto attached = co_await streams.value()->attach();
    EXPECT_TRUE(attached);
    co_await settle(executor);
    EXPECT_EQ(take(out), "output");
    EXPECT_EQ(take(err), "error");
    co_await streams.value()->wait_safe(6, 5);
    EXPECT_FALSE(streams.value()->delivered()) << "more may come";
    static_cast<void>(co_await to_out->shutdown_write());
    static_cast<void>(co_await to_err->shutdown_write());
    co_await streams.value()->finish(10s);
    co_await streams.value()->linger();
    EXPECT_TRUE(streams.value()->delivered());
    EXPECT_EQ(streams.value()->lost(), 0U);
    EXPECT_TRUE(at_end(out));
    EXPECT_TRUE(at_end(err));
    co_await b.stop();
  });
}

TEST(ProcessStreams, TerminalCarriesBothDirections) {
  co_test([](auto executor) -> awaitable<void> {
    streams_bench b(executor);
    co_await b.boot();
    const stdio_names names{.in = b.fifo("in"), .out = b.fifo("out"), .err = {}, .terminal = true};
    const auto out = read_end(names.out);
    const auto streams = b.open(names);
    const auto wanted = streams.value()->expect(b.guest);
    const auto terminal = co_await b.agent.dial(wanted.stdout().token() + "$ ");
    const auto attached = co_await streams.value()->attach();
    EXPECT_TRUE(attached);
    const unique_fd keyboard(::open(names.in.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC));
    EXPECT_EQ(::write(keyboard.get(), "ls\n", 3), 3);
    std::string typed(16, '\0');
    const auto n = co_await terminal->read_some(flow::asio::buffer(typed));
    EXPECT_EQ(typed.substr(0, n.value()), "ls\n");
    EXPECT_EQ(take(out), "$ ");
    streams.value()->process_ended();
    static_cast<void>(co_await terminal->shutdown_write());
    co_await streams.value()->finish(10s);
    co_await streams.value()->linger();
    co_await b.stop();
  });
}

TEST(ProcessStreams, GuestThatIsGoneFailsTheAttach) {
  co_test([](auto executor) -> awaitable<void> {
    streams_bench b(executor);
    co_await b.boot();
    const stdio_names names{.in = {}, .out = b.fifo("out"), .err = {}};
    const auto out = read_end(names.out);
    const auto streams = b.open(names);
    streams.value()->expect(b.guest);
    b.agent.hang_up();
    const auto attached = co_await streams.value()->attach();
    EXPECT_EQ(attached.error().code(), flow::error_code(errc::closed));
    streams.value()->give_up();
    co_await streams.value()->finish(10s);
    co_await streams.value()->linger();
    EXPECT_TRUE(at_end(out)) << "the client's ends are closed";
    co_await b.stop();
  });
}

TEST(ProcessStreams, NeverAttachedTheyEndAllTheSame) {
  co_test([](auto executor) -> awaitable<void> {
    streams_bench b(executor);
    const stdio_names names{.in = b.fifo("in"), .out = b.fifo("out"), .err = {}};
    const auto out = read_end(names.out);
    const auto streams = b.open(names);
    co_await streams.value()->linger();
    EXPECT_TRUE(at_end(out));
    EXPECT_EQ(::open(names.in.c_str(), O_WRONLY | O_NONBLOCK), -1) << "nobody reads it";
  });
}

TEST(ProcessStreams, StreamThatDoesNotEndIsCutOff) {
  co_test([](auto executor) -> awaitable<void> {
    flow::testing::manual_clock time(executor);
    streams_bench b(executor);
    co_await b.boot();
    const stdio_names names{.in = {}, .out = b.fifo("out"), .err = {}};
    const auto out = read_end(names.out);
    const auto streams = b.open(names);
    const auto wanted = streams.value()->expect(b.guest);
    const auto held = co_await b.agent.dial(wanted.stdout().token() + "first");
    const auto attached = co_await streams.value()->attach();
    EXPECT_TRUE(attached);
    co_await settle(executor);
    EXPECT_EQ(take(out), "first");
    flow::task_group tasks(executor, fail_test);
    tasks.spawn("finish", streams.value()->finish(5s));
    co_await settle(executor);
    time.advance(4999ms);
    co_await settle(executor);
    EXPECT_EQ(tasks.size(), 1U);
    EXPECT_FALSE(streams.value()->truncated());
    time.advance(1ms);
    co_await tasks.join();
    EXPECT_TRUE(streams.value()->truncated());
    co_await streams.value()->linger();
    EXPECT_TRUE(streams.value()->delivered()) << "what came before was read";
    EXPECT_TRUE(at_end(out));
    co_await b.stop();
  });
}
