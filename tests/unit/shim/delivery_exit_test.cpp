// When the exit of a process may be published: rules 3 to 6 and 12 of shim/DESIGN.md, "Delivery",
// with a clock that stands still unless it is turned.
#include <gtest/gtest.h>

#include "tests/unit/shim/delivery_bench.hpp"

using flow::awaitable;
using namespace std::chrono_literals;
using shim::source_state;
using tests::co_test;
using tests::delivery_bench;
using tests::expect_about;
using tests::fail_test;
using tests::pattern;
using tests::set_when;
using tests::settle;
using tests::waiting_exit;

TEST(DeliveryExit, ExitIsSafeOnceTheClientHasReadUpToIt) {
  co_test([](auto executor) -> awaitable<void> {
    delivery_bench b(executor);
    b.output.start(b.stream);
    co_await b.guest_writes("before the exit");
    waiting_exit exit(b, 15);
    co_await b.pass(50ms);
    EXPECT_FALSE(exit.safe) << "written to the FIFO is not read";
    b.client->read(14);
    co_await b.pass(50ms);
    EXPECT_FALSE(exit.safe);
    b.client->read(1);
    co_await b.pass(50ms);
    EXPECT_TRUE(exit.safe);
    co_await exit.tasks.join();
    EXPECT_FALSE(b.client->closed) << "a background child may write on";
    co_await b.stop();
  });
}

TEST(DeliveryExit, ExitWaitsForBytesThatAreStillOnTheirWay) {
  co_test([](auto executor) -> awaitable<void> {
    delivery_bench b(executor);
    b.output.start(b.stream);
    // The exit overtakes the last bytes, by however much.
    waiting_exit exit(b, 5);
    co_await settle(executor);
    co_await b.pass(24h);
    EXPECT_FALSE(exit.safe);
    co_await b.guest_writes("bytes");
    co_await settle(executor);
    b.client->read();
    co_await b.pass(50ms);
    EXPECT_TRUE(exit.safe);
    co_await exit.tasks.join();
    EXPECT_EQ(b.client->got, "bytes");
    co_await b.stop();
  });
}

TEST(DeliveryExit, ReaderThatNeverBeganToReadHoldsTheExitOnlyUntilAllIsInTheSpool) {
  co_test([](auto executor) -> awaitable<void> {
    delivery_bench b(executor);
    b.client->room = 100;
    const auto data = pattern(150000);
    flow::task_group tasks(executor, fail_test);
    b.output.start(b.stream);
    tasks.spawn("guest", b.guest_writes(data));
    waiting_exit exit(b, data.size());
    co_await settle(executor);
    co_await b.pass(1900ms);
    EXPECT_FALSE(exit.safe);
    EXPECT_LT(b.report().received, data.size()) << "it may begin yet";
    const auto decided = [&] { return exit.safe; };
    const auto passed = co_await b.pass_until(decided, 1min);
    expect_about(passed, 100ms);
    EXPECT_EQ(b.report().received, data.size());
    co_await exit.tasks.join();
    co_await tasks.join();
    // Later, however much later, it reads it all.
    co_await b.pass(24h);
    tasks.spawn("guest ends", b.guest_ends());
    co_await b.read_to_end();
    co_await b.output.join();
    co_await tasks.join();
    EXPECT_EQ(b.client->got, data);
    EXPECT_EQ(b.report().lost(), 0U);
  });
}

TEST(DeliveryExit, ReaderThatHasStalledAfterItBeganHoldsTheExit) {
  co_test([](auto executor) -> awaitable<void> {
    delivery_bench b(executor);
    b.output.start(b.stream);
    co_await b.guest_writes("first");
    co_await settle(executor);
    b.client->read();
    co_await b.guest_writes("second");
    waiting_exit exit(b, 11);
    co_await settle(executor);
    co_await b.pass(599s);
    EXPECT_FALSE(exit.safe) << "such a client closes its end on the exit event";
    b.client->read();
    co_await b.pass(50ms);
    EXPECT_TRUE(exit.safe);
    co_await exit.tasks.join();
    co_await b.stop();
  });
}

TEST(DeliveryExit, ReaderThatHasStalledForTheWholeLingerTimeHoldsTheExitNoLonger) {
  co_test([](auto executor) -> awaitable<void> {
    delivery_bench b(executor);
    b.output.start(b.stream);
    co_await b.guest_writes("first");
    co_await settle(executor);
    b.client->read();
    co_await b.guest_writes("second");
    waiting_exit exit(b, 11);
    co_await settle(executor);
    co_await b.pass(599s);
    EXPECT_FALSE(exit.safe);
    const auto decided = [&] { return exit.safe; };
    const auto passed = co_await b.pass_until(decided, 1min);
    expect_about(passed, 1s);
    EXPECT_EQ(b.report().held, 6U) << "held, not lost";
    co_await exit.tasks.join();
    co_await b.stop();
  });
}

TEST(DeliveryExit, ReaderThatMovesHoldsTheExitForAsLongAsItTakes) {
  co_test([](auto executor) -> awaitable<void> {
    delivery_bench b(executor);
    b.output.start(b.stream);
    co_await b.guest_writes("twenty bytes of text");
    waiting_exit exit(b, 20);
    co_await settle(executor);
    for (int i = 0; i < 20; ++i) {
      EXPECT_FALSE(exit.safe) << i;
      b.client->read(1);
      co_await b.pass(50ms);  // seen
      co_await b.pass(599s);
    }
    EXPECT_TRUE(exit.safe);
    co_await exit.tasks.join();
    co_await b.stop();
  });
}

TEST(DeliveryExit, ReaderThatMovesIsNotReadAheadOf) {
  co_test([](auto executor) -> awaitable<void> {
    delivery_bench b(executor);
    b.client->room = 100;
    flow::task_group tasks(executor, fail_test);
    b.output.start(b.stream);
    tasks.spawn("guest", b.guest_writes(pattern(200000)));
    waiting_exit exit(b, 200000);
    co_await settle(executor);
    for (int i = 0; i < 10; ++i) {
      b.client->read(10);
      co_await b.pass(50ms);
      co_await b.pass(1900ms);
    }
    EXPECT_LT(b.report().received, 200000U) << "each byte restarts the clock";
    const auto all_received = [&] { return b.report().received == 200000; };
    co_await b.pass_until(all_received, 1s);
    EXPECT_TRUE(all_received()) << "2 s after the last";
    EXPECT_FALSE(exit.safe);
    co_await tasks.join();
    b.client->reader = false;
    co_await b.pass(50ms);
    EXPECT_TRUE(exit.safe) << "it went away";
    co_await exit.tasks.join();
    co_await b.stop();
  });
}

TEST(DeliveryExit, WithoutAReaderTheExitIsSafeAtOnceAndTheBytesWait) {
  co_test([](auto executor) -> awaitable<void> {
    delivery_bench b(executor);
    b.client->reader = false;
    const auto data = pattern(150000);
    flow::task_group tasks(executor, fail_test);
    b.output.start(b.stream);
    tasks.spawn("guest", b.guest_writes(data));
    // The clock stands still.
    co_await b.output.wait_safe(data.size());
    b.client->reader = true;
    while (b.client->got.size() < data.size()) {
      b.client->read();
      co_await settle(executor);
    }
    EXPECT_EQ(b.client->got, data);
    co_await tasks.join();
    co_await b.stop();
  });
}

TEST(DeliveryExit, SpoolThatIsFullHoldsTheExitAndLosesNothing) {
  co_test([](auto executor) -> awaitable<void> {
    delivery_bench b(executor);
    b.limits.spool = 100000;
    b.client->room = 10;
    const auto data = pattern(600000);
    flow::task_group tasks(executor, fail_test);
    b.output.start(b.stream);
    tasks.spawn("guest", b.guest_writes(data));
    waiting_exit exit(b, data.size());
    co_await settle(executor);
    co_await b.pass(24h);
    EXPECT_FALSE(exit.safe);
    EXPECT_LT(b.report().received, 100000U + 2 * 65536U);
    b.client->room = 65536;
    while (b.client->got.size() < data.size()) {
      b.client->read();
      co_await settle(executor);
    }
    co_await b.pass(50ms);
    EXPECT_TRUE(exit.safe);
    co_await exit.tasks.join();
    co_await tasks.join();
    EXPECT_EQ(b.client->got, data);
    co_await b.stop();
  });
}

TEST(DeliveryExit, MachineThatIsLostDeliversWhatItHadSent) {
  co_test([](auto executor) -> awaitable<void> {
    delivery_bench b(executor);
    flow::task_group tasks(executor, fail_test);
    b.output.start(b.stream);
    co_await b.guest_writes("the last words");
    b.guest.abort();
    bool safe = false;
    tasks.spawn("exit", set_when(b.output.wait_safe_to_end(), safe));
    co_await b.pass(1s);
    EXPECT_FALSE(safe);
    b.client->read();
    co_await b.pass(50ms);
    EXPECT_TRUE(safe);
    co_await tasks.join();
    EXPECT_EQ(b.report().source, source_state::truncated);
    EXPECT_EQ(b.client->got, "the last words");
    co_await b.read_to_end();
    co_await b.output.join();
  });
}
