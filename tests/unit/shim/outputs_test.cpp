#include "shim/io/outputs.hpp"

#include <gtest/gtest.h>

#include "tests/unit/shim/delivery_bench.hpp"

using flow::awaitable;
using namespace std::chrono_literals;
using shim::outputs;
using shim::sink_state;
using tests::co_test;
using tests::fail_test;
using tests::pipe_double;
using tests::set_when;
using tests::settle;

namespace {

// The outputs of a process, each with a guest's end and a client's.
struct outputs_bench {
  explicit outputs_bench(const boost::asio::any_io_executor& ex)
      : executor(ex),
        time(ex),
        out_link(ex),
        err_link(ex),
        guest_out(out_link.first()),
        guest_err(err_link.first()),
        out_stream(out_link.second()),
        err_stream(err_link.second()),
        moved(ex, "c1", limits, log.to) {
    auto out_sink = std::make_unique<pipe_double>(ex);
    auto err_sink = std::make_unique<pipe_double>(ex);
    out = out_sink.get();
    err = err_sink.get();
    moved.deliver_stdout(std::move(out_sink));
    moved.deliver_stderr(std::move(err_sink));
    moved.start(&out_stream, &err_stream);
  }

  // Each stream brings a byte, and ends.
  awaitable<void> guest_writes_and_ends() {
    for (flow::stream* const one : {&guest_out, &guest_err}) {
      static_cast<void>(co_await one->write(flow::asio::buffer("x", 1)));
      static_cast<void>(co_await one->shutdown_write());
    }
    co_await settle(executor);
  }

  awaitable<void> pass(flow::clock::duration by) {
    time.advance(by);
    co_await settle(executor);
  }

  boost::asio::any_io_executor executor;
  flow::testing::manual_clock time;
  tests::captured_log log;
  shim::delivery_limits limits;
  flow::testing::memory_link out_link;
  flow::testing::memory_link err_link;
  flow::stream guest_out;
  flow::stream guest_err;
  flow::stream out_stream;
  flow::stream err_stream;
  pipe_double* out = nullptr;
  pipe_double* err = nullptr;
  outputs moved;
};

}  // namespace

TEST(Outputs, AFailedWaitDoesNotLetTheExitBeTakenForSafeInSilence) {
  co_test([](auto executor) -> awaitable<void> {
    outputs_bench b(executor);
    static_cast<void>(co_await b.guest_out.write(flow::asio::buffer("x", 1)));
    co_await settle(executor);
    b.out->throws = true;
    co_await b.moved.wait_safe(1, 0);
    b.out->throws = false;
    EXPECT_EQ(b.log.count("level=error msg=\"task failed\" owner=c1"), 1U) << b.log.text();
    EXPECT_EQ(b.log.count("stdout"), 1U) << "which stream: " << b.log.text();
    b.guest_out.abort();
    b.guest_err.abort();
    co_await settle(executor);
    b.out->throws = true;
    co_await b.moved.wait_safe_to_end();
    b.out->throws = false;
    EXPECT_EQ(b.log.count("level=error msg=\"task failed\" owner=c1"), 2U) << b.log.text();
    b.out->read();
    co_await b.pass(1s);
    co_await b.moved.linger();
  });
}

TEST(Outputs, StalledReadersAreGivenUpAtTheSameTime) {
  co_test([](auto executor) -> awaitable<void> {
    outputs_bench b(executor);
    co_await b.guest_writes_and_ends();
    flow::task_group tasks(executor, fail_test);
    bool over = false;
    tasks.spawn("linger", set_when(b.moved.linger(), over));
    co_await settle(executor);
    co_await b.pass(b.limits.linger - 1s);
    EXPECT_EQ(b.moved.report().lost(), 0U);
    co_await b.pass(2s);
    EXPECT_EQ(b.moved.report().lost(), 2U);
    EXPECT_TRUE(over);
    co_await tasks.join();
  });
}

TEST(Outputs, ReportSaysOfEachStreamWhereItsBytesAre) {
  co_test([](auto executor) -> awaitable<void> {
    outputs_bench b(executor);
    co_await b.guest_writes_and_ends();
    b.out->read();
    co_await b.pass(1s);
    const auto report = b.moved.report();
    EXPECT_EQ(report.out->sink, sink_state::delivered);
    EXPECT_EQ(report.err->sink, sink_state::delivering);
    EXPECT_EQ(report.err->held, 1U);
    EXPECT_FALSE(report.delivered());
    EXPECT_FALSE(report.truncated());
    b.moved.log_report();
    EXPECT_EQ(b.log.count("msg=output stream=\"c1 stdout\" source=ended sink=delivered received=1 "
                          "delivered=1 held=0 dropped=0 missing=0"),
              1U)
        << b.log.text();
    EXPECT_EQ(b.log.count("stream=\"c1 stderr\" source=ended sink=delivering"), 1U);
    b.err->reader = false;
    co_await b.moved.linger();
    EXPECT_FALSE(b.moved.report().delivered()) << "abandoned is not delivered";
    EXPECT_EQ(b.moved.report().lost(), 1U);
  });
}
