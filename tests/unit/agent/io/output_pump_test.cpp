#include "agent/io/output_pump.hpp"

#include <gtest/gtest.h>

#include <boost/asio/read.hpp>
#include <optional>

#include "flow/frame.hpp"
#include "flow/task_group.hpp"
#include "tests/unit/agent/io/descriptors.hpp"
#include "tests/unit/agent/same_bytes.hpp"
#include "tests/unit/flow/stream_fixture.hpp"

using agent::output_pump;
using flow::awaitable;
using namespace tests;

namespace {

constexpr std::size_t pipe_capacity = 65536;

// As much as a pipe, the pump and the way to the shim can hold together, and more than any two.
constexpr std::size_t much = 150000;

flow::stream::options stream_options() {
  flow::stream::options o;
  o.max_payload = flow::agreed_max_payload;
  o.read_ahead = 4096;
  return o;
}

void fail_test(const std::string& name, const std::exception_ptr& failure) {
  ADD_FAILURE() << name << ": " << flow::describe(failure);
}

// A process that writes, the pump, and the shim.
struct bench {
  bench(const boost::asio::any_io_executor& executor, output_pump::source_kind kind)
      : streams(executor, stream_options()),
        ends(kind == output_pump::source_kind::pipe ? output_pipe(executor) : terminal(executor)),
        process(ends.process),
        shim(streams.b),
        pump(ends.agent, kind, streams.a),
        tasks(executor, fail_test) {
    streams.link.to_second().capacity = pipe_capacity;
    if (kind == output_pump::source_kind::terminal) {
      make_raw(process);
    }
  }

  void start() { tasks.spawn("pump", run()); }
  awaitable<void> run() {
    co_await pump.run();
    ended = true;
  }

  awaitable<std::string> shim_reads(std::size_t size) {
    std::string text(size, '\0');
    const auto r =
        co_await boost::asio::async_read(shim, boost::asio::buffer(text), flow::as_result);
    text.resize(std::get<1>(r));
    co_return text;
  }

  // The stream must end cleanly.
  awaitable<std::string> shim_reads_to_end() {
    flow::error_code ending;
    std::string text = co_await read_to_end(shim, &ending);
    EXPECT_EQ(ending, boost::asio::error::eof);
    co_return text;
  }

  stream_pair streams;
  descriptor_pair ends;
  descriptor& process;
  flow::stream& shim;
  output_pump pump;
  flow::task_group tasks;
  bool ended = false;
};

// Nothing of it moves any more.
awaitable<std::string> write_until_full(descriptor& to) {
  std::string written;
  for (int idle = 0; idle < 100;) {
    const auto piece = pattern(1000, written.size());
    const auto n = ::write(to.native_handle(), piece.data(), piece.size());
    if (n > 0) {
      written += piece.substr(0, static_cast<std::size_t>(n));
      idle = 0;
    } else {
      ++idle;
      co_await turns(to.get_executor(), 10);
    }
  }
  co_return written;
}

constexpr auto from_pipe = output_pump::source_kind::pipe;
constexpr auto from_terminal = output_pump::source_kind::terminal;

}  // namespace

TEST(OutputPump, BringsEveryByteOfAPipeAndThenItsEnd) {
  co_test([](auto executor) -> awaitable<void> {
    bench b(executor, from_pipe);
    b.start();
    b.tasks.spawn("process", write_all(b.process, pattern(much)));
    const auto read = co_await b.shim_reads(much);
    EXPECT_TRUE(same_bytes(read, pattern(much)));
    EXPECT_FALSE(b.ended) << "the process may write on";
    b.process.close();
    const auto rest = co_await b.shim_reads_to_end();
    EXPECT_EQ(rest, "");
    co_await b.tasks.join();
    EXPECT_EQ(b.pump.written_at_exit(), much);
  });
}

TEST(OutputPump, ProcessThatWritesNothingHasAnEndAllTheSame) {
  co_test([](auto executor) -> awaitable<void> {
    bench b(executor, from_pipe);
    b.process.close();
    b.start();
    const auto read = co_await b.shim_reads_to_end();
    EXPECT_EQ(read, "");
    co_await b.tasks.join();
    EXPECT_EQ(b.pump.written_at_exit(), 0U);
  });
}

TEST(OutputPump, OffsetAtExitCountsWhatIsStillInThePipe) {
  co_test([](auto executor) -> awaitable<void> {
    bench b(executor, from_pipe);
    b.start();
    // Nobody reads at the shim: it is spread over the pipe, the pump and the way.
    co_await write_all(b.process, pattern(much));
    EXPECT_EQ(b.pump.written_at_exit(), much);
    EXPECT_LT(b.streams.link.to_second().written, much) << "some must still be here";
    co_await write_all(b.process, "x");
    EXPECT_EQ(b.pump.written_at_exit(), much + 1);
    b.process.close();
    const auto read = co_await b.shim_reads_to_end();
    EXPECT_TRUE(same_bytes(read, pattern(much) + "x"));
    co_await b.tasks.join();
    EXPECT_EQ(b.pump.written_at_exit(), much + 1);
  });
}

TEST(OutputPump, OffsetAtExitIsKnownBeforeThePumpHasRun) {
  co_test([](auto executor) -> awaitable<void> {
    bench b(executor, from_pipe);
    co_await write_all(b.process, "hello");
    EXPECT_EQ(b.pump.written_at_exit(), 5U);
    b.start();
    b.process.close();
    const auto read = co_await b.shim_reads_to_end();
    EXPECT_EQ(read, "hello");
    co_await b.tasks.join();
  });
}

TEST(OutputPump, ShimThatStallsIsFeltByTheProcessAndLosesNothing) {
  co_test([](auto executor) -> awaitable<void> {
    bench b(executor, from_pipe);
    b.start();
    started<void> writing(executor, write_all(b.process, pattern(1U << 20U)));
    co_await turns(executor, 1000);
    EXPECT_FALSE(writing.done());
    EXPECT_LT(b.pump.written_at_exit(), 300000U);
    const auto read = co_await b.shim_reads(1U << 20U);
    EXPECT_TRUE(same_bytes(read, pattern(1U << 20U)));
    co_await writing.wait();
    b.process.close();
    const auto rest = co_await b.shim_reads_to_end();
    EXPECT_EQ(rest, "");
    co_await b.tasks.join();
  });
}

TEST(OutputPump, BackgroundChildThatHoldsThePipeHoldsTheEndOnlyUntilFinish) {
  co_test([](auto executor) -> awaitable<void> {
    bench b(executor, from_pipe);
    b.start();
    co_await write_all(b.process, "its last words");
    const auto read = co_await b.shim_reads(14);
    EXPECT_EQ(read, "its last words");
    co_await turns(executor);
    EXPECT_FALSE(b.ended);
    b.pump.finish();
    const auto rest = co_await b.shim_reads_to_end();
    EXPECT_EQ(rest, "");
    co_await b.tasks.join();
  });
}

TEST(OutputPump, FinishTakesWhatIsInThePipe) {
  co_test([](auto executor) -> awaitable<void> {
    bench b(executor, from_pipe);
    b.start();
    co_await write_all(b.process, pattern(much));
    b.pump.finish();
    const auto read = co_await b.shim_reads_to_end();
    EXPECT_TRUE(same_bytes(read, pattern(much)));
    co_await b.tasks.join();
  });
}

TEST(OutputPump, BackgroundChildThatWritesOnDoesNotHoldTheEnd) {
  co_test([](auto executor) -> awaitable<void> {
    bench b(executor, from_pipe);
    b.start();
    co_await write_all(b.process, pattern(100000));
    b.pump.finish();
    co_await write_all(b.process, "too late");
    const auto read = co_await b.shim_reads_to_end();
    EXPECT_TRUE(same_bytes(read, pattern(100000)));
    co_await b.tasks.join();
  });
}

TEST(OutputPump, FinishOfAPumpThatHasEndedAndWhoseSourceIsClosedIsHarmless) {
  co_test([](auto executor) -> awaitable<void> {
    bench b(executor, from_pipe);
    b.start();
    b.process.close();
    co_await b.tasks.join();
    b.ends.agent.close();
    EXPECT_NO_THROW(b.pump.finish());
    EXPECT_EQ(b.pump.written_at_exit(), 0U);
  });
}

TEST(OutputPump, StreamThatBreaksDoesNotBlockTheProcess) {
  co_test([](auto executor) -> awaitable<void> {
    bench b(executor, from_pipe);
    b.start();
    started<void> writing(executor, write_all(b.process, pattern(1U << 20U)));
    co_await turns(executor, 1000);
    EXPECT_FALSE(writing.done());
    b.streams.link.reset();
    co_await writing.wait();
    EXPECT_EQ(b.pump.written_at_exit(), 1U << 20U) << "what was lost counts as written";
    b.process.close();
    co_await b.tasks.join();
  });
}

TEST(OutputPump, StreamThatBreaksAtAnyOperationNeverHoldsTheEnd) {
  for (std::uint64_t n = 1; n < 40; ++n) {
    SCOPED_TRACE(n);
    co_test([n](auto executor) -> awaitable<void> {
      bench b(executor, from_pipe);
      b.streams.link.reset_at_operation(n);
      b.start();
      flow::error_code ending;
      started<std::string> reading(executor, read_to_end(b.shim, &ending));
      co_await write_all(b.process, pattern(300000));
      b.process.close();
      co_await b.tasks.join();
      EXPECT_EQ(b.pump.written_at_exit(), 300000U);
      co_await reading.wait();
      EXPECT_TRUE(same_bytes(*reading, pattern(300000).substr(0, reading->size())))
          << "what arrives is in order";
      if (ending == boost::asio::error::eof) {
        EXPECT_EQ(reading->size(), 300000U) << "an end that is clean must be the true end";
      }
    });
  }
}

TEST(OutputPump, ShimThatWillNotReadDoesNotBlockTheProcess) {
  co_test([](auto executor) -> awaitable<void> {
    bench b(executor, from_pipe);
    b.start();
    const auto told = co_await b.shim.shutdown_read();
    EXPECT_TRUE(told);
    co_await write_all(b.process, pattern(1U << 20U));
    b.process.close();
    co_await b.tasks.join();
  });
}

TEST(OutputPump, BringsEveryByteOfATerminalAndTakesItsHangupForTheEnd) {
  co_test([](auto executor) -> awaitable<void> {
    bench b(executor, from_terminal);
    b.start();
    b.tasks.spawn("process", write_all(b.process, pattern(much)));
    const auto read = co_await b.shim_reads(much);
    EXPECT_TRUE(same_bytes(read, pattern(much)));
    b.process.close();
    const auto rest = co_await b.shim_reads_to_end();
    EXPECT_EQ(rest, "");
    co_await b.tasks.join();
    EXPECT_EQ(b.pump.written_at_exit(), much);
  });
}

TEST(OutputPump, OffsetAtExitDrainsATerminalWhoseShimStalls) {
  co_test([](auto executor) -> awaitable<void> {
    bench b(executor, from_terminal);
    b.start();
    const auto written = co_await write_until_full(b.process);
    EXPECT_EQ(b.pump.written_at_exit(), written.size());
    EXPECT_LT(b.streams.link.to_second().written, written.size()) << "some must still be here";
    // Behind the exit the terminal is still somebody's.
    co_await write_all(b.process, "later");
    b.process.close();
    const auto read = co_await b.shim_reads_to_end();
    EXPECT_TRUE(same_bytes(read, written + "later"));
    co_await b.tasks.join();
  });
}

TEST(OutputPump, OffsetAtExitOfATerminalThatHungUpCountsWhatWasInIt) {
  co_test([](auto executor) -> awaitable<void> {
    bench b(executor, from_terminal);
    co_await write_all(b.process, "the last words");
    b.process.close();
    EXPECT_EQ(b.pump.written_at_exit(), 14U);
    b.start();
    const auto read = co_await b.shim_reads_to_end();
    EXPECT_EQ(read, "the last words");
    co_await b.tasks.join();
  });
}

TEST(OutputPump, FinishEndsATerminalThatABackgroundChildHolds) {
  co_test([](auto executor) -> awaitable<void> {
    bench b(executor, from_terminal);
    b.start();
    co_await write_all(b.process, "before");
    b.pump.finish();
    co_await write_all(b.process, "too late");
    const auto read = co_await b.shim_reads_to_end();
    EXPECT_EQ(read, "before");
    co_await b.tasks.join();
  });
}
