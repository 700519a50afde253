#include "agent/io/input_pump.hpp"

#include <gtest/gtest.h>
#include <termios.h>

#include "flow/task_group.hpp"
#include "tests/unit/agent/io/descriptors.hpp"
#include "tests/unit/agent/same_bytes.hpp"
#include "tests/unit/flow/stream_fixture.hpp"

using agent::input_pump;
using flow::awaitable;
using namespace tests;

namespace {

void fail_test(const std::string& name, const std::exception_ptr& failure) {
  ADD_FAILURE() << name << ": " << flow::describe(failure);
}

// The shim, the pump, and a process that reads.
struct bench {
  bench(const boost::asio::any_io_executor& executor, input_pump::sink_kind kind)
      : streams(executor),
        ends(kind == input_pump::sink_kind::pipe ? input_pipe(executor) : terminal(executor)),
        process(ends.process),
        shim(streams.b),
        pump(streams.a, kind, ends.agent),
        tasks(executor, fail_test) {
    tasks.spawn("pump", run());
  }

  awaitable<void> run() {
    co_await pump.run();
    ended = true;
  }

  awaitable<void> shim_writes(std::string text) {
    const auto written = co_await shim.write(boost::asio::buffer(text));
    EXPECT_TRUE(written) << written.error().message();
  }

  awaitable<void> shim_ends() {
    const auto ended_writing = co_await shim.shutdown_write();
    EXPECT_TRUE(ended_writing);
  }

  // The shim learns that what it writes goes nowhere.
  awaitable<void> shim_hears_that_nobody_reads() {
    while (shim.write_open()) {
      co_await turns(process.get_executor(), 1);
    }
  }

  stream_pair streams;
  descriptor_pair ends;
  descriptor& process;
  flow::stream& shim;
  input_pump pump;
  flow::task_group tasks;
  bool ended = false;
};

constexpr auto to_pipe = input_pump::sink_kind::pipe;
constexpr auto to_terminal = input_pump::sink_kind::terminal;

}  // namespace

TEST(InputPump, BringsEveryByteAndThenTheEnd) {
  co_test([](auto executor) -> awaitable<void> {
    bench b(executor, to_pipe);
    b.tasks.spawn("shim", b.shim_writes(pattern(300000)));
    const auto read = co_await read_up_to(b.process, 300000);
    EXPECT_TRUE(same_bytes(read, pattern(300000)));
    EXPECT_FALSE(b.ended);
    co_await b.shim_ends();
    const auto rest = co_await read_up_to(b.process, 1);
    EXPECT_EQ(rest, "");
    co_await b.tasks.join();
  });
}

TEST(InputPump, EndOfInputStaysBehindWhatIsQueued) {
  co_test([](auto executor) -> awaitable<void> {
    bench b(executor, to_pipe);
    // More than the pipe takes: most of it waits when the end is said.
    co_await b.shim_writes(pattern(200000));
    co_await b.shim_ends();
    co_await turns(executor);
    EXPECT_FALSE(b.ended);
    const auto read = co_await read_up_to(b.process, 300000);
    EXPECT_TRUE(same_bytes(read, pattern(200000)));
    co_await b.tasks.join();
  });
}

TEST(InputPump, EndOfInputSaidTwiceIsOneEnd) {
  co_test([](auto executor) -> awaitable<void> {
    bench b(executor, to_pipe);
    co_await b.shim_writes("input");
    co_await b.shim_ends();
    co_await b.shim_ends();
    const auto read = co_await read_up_to(b.process, 100);
    EXPECT_EQ(read, "input");
    co_await b.tasks.join();
  });
}

TEST(InputPump, ProcessThatDoesNotReadIsFeltByTheShim) {
  co_test([](auto executor) -> awaitable<void> {
    bench b(executor, to_pipe);
    b.streams.link.to_first().capacity = 65536;
    started<void> writing(executor, b.shim_writes(pattern(1U << 20U)));
    co_await turns(executor, 1000);
    EXPECT_FALSE(writing.done());
    const auto read = co_await read_up_to(b.process, 1U << 20U);
    EXPECT_TRUE(same_bytes(read, pattern(1U << 20U)));
    co_await writing.wait();
    co_await b.shim_ends();
    co_await b.tasks.join();
  });
}

TEST(InputPump, ReaderThatIsGoneEndsTheStream) {
  co_test([](auto executor) -> awaitable<void> {
    bench b(executor, to_pipe);
    b.process.close();
    co_await b.shim_writes("to nobody");
    co_await b.shim_hears_that_nobody_reads();
    co_await b.tasks.join();
  });
}

TEST(InputPump, ReaderThatGoesWhileThePumpWaitsForItEndsTheStream) {
  co_test([](auto executor) -> awaitable<void> {
    bench b(executor, to_pipe);
    co_await b.shim_writes(pattern(200000));
    co_await turns(executor);
    EXPECT_FALSE(b.ended);
    b.process.close();
    co_await b.shim_hears_that_nobody_reads();
    co_await b.tasks.join();
  });
}

TEST(InputPump, EndOfInputAfterTheExitIsHarmless) {
  co_test([](auto executor) -> awaitable<void> {
    bench b(executor, to_pipe);
    b.process.close();
    co_await b.shim_ends();
    co_await b.tasks.join();
  });
}

TEST(InputPump, StreamThatBreaksIsAnEndOfInput) {
  co_test([](auto executor) -> awaitable<void> {
    bench b(executor, to_pipe);
    co_await b.shim_writes("before");
    b.streams.link.reset();
    const auto read = co_await read_up_to(b.process, 100);
    EXPECT_EQ(read, "before");
    co_await b.tasks.join();
  });
}

TEST(InputPump, DescriptorThatIsClosedEndsThePumpThatWaitsForIt) {
  co_test([](auto executor) -> awaitable<void> {
    bench b(executor, to_pipe);
    co_await b.shim_writes(pattern(200000));
    co_await turns(executor);
    EXPECT_FALSE(b.ended);
    b.ends.agent.close();
    co_await b.tasks.join();
  });
}

TEST(InputPump, TerminalAtTheStartOfALineIsToldTheEndOnce) {
  co_test([](auto executor) -> awaitable<void> {
    bench b(executor, to_terminal);
    co_await b.shim_writes("a line\n");
    co_await b.shim_ends();
    co_await b.tasks.join();
    EXPECT_EQ(read_now(b.process), "a line\n") << "and then the end of file";
    // What is typed next is a line of its own: there was no second end.
    co_await write_all(b.ends.agent, "after\n");
    EXPECT_EQ(read_now(b.process), "after\n");
  });
}

TEST(InputPump, TerminalInsideALineHandsItOverAndIsToldTheEnd) {
  co_test([](auto executor) -> awaitable<void> {
    bench b(executor, to_terminal);
    co_await b.shim_writes("no newline");
    co_await b.shim_ends();
    co_await b.tasks.join();
    EXPECT_EQ(read_now(b.process), "no newline");
    co_await write_all(b.ends.agent, "after\n");
    EXPECT_EQ(read_now(b.process), "after\n");
  });
}

TEST(InputPump, RawTerminalIsNotToldTheEndForItWouldBeData) {
  co_test([](auto executor) -> awaitable<void> {
    bench b(executor, to_terminal);
    make_raw(b.process);
    co_await b.shim_writes("keys");
    co_await b.shim_ends();
    co_await b.tasks.join();
    EXPECT_EQ(read_now(b.process), "keys");
  });
}

TEST(InputPump, TerminalStaysOpenAfterTheEndOfInput) {
  co_test([](auto executor) -> awaitable<void> {
    bench b(executor, to_terminal);
    co_await b.shim_ends();
    co_await b.tasks.join();
    EXPECT_TRUE(b.ends.agent.is_open()) << "closing it would hang up";
    co_await write_all(b.process, "output");
    EXPECT_EQ(read_now(b.ends.agent), "output");
  });
}

TEST(InputPump, TerminalThatHungUpEndsTheStream) {
  co_test([](auto executor) -> awaitable<void> {
    bench b(executor, to_terminal);
    make_raw(b.process);
    co_await b.shim_writes(pattern(200000));
    co_await turns(executor);
    EXPECT_FALSE(b.ended);
    b.process.close();
    co_await b.shim_hears_that_nobody_reads();
    co_await b.tasks.join();
  });
}
