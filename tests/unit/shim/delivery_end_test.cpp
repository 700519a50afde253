// How delivery comes to an end: after SIGKILL (rule 5 of shim/DESIGN.md, "Delivery"), and after
// Delete (rule 7), with a clock that stands still unless it is turned.
#include <gtest/gtest.h>

#include "tests/unit/shim/delivery_bench.hpp"

using flow::awaitable;
using namespace std::chrono_literals;
using shim::sink_state;
using tests::co_test;
using tests::delivery_bench;
using tests::expect_about;
using tests::fail_test;
using tests::pattern;
using tests::set_when;
using tests::settle;
using tests::waiting_exit;

// --- after SIGKILL -----------------------------------------------------------------------------

TEST(DeliveryEnd, ForcedEndDoesNotWaitForAGuestThatDoesNotSendWhatItAnnounced) {
  co_test([](auto executor) -> awaitable<void> {
    delivery_bench b(executor);
    b.output.start(b.stream);
    co_await b.guest_writes("five!");
    co_await settle(executor);
    b.client->read();
    b.output.expedite();
    waiting_exit exit(b, 1000);
    const auto decided = [&] { return exit.safe; };
    auto passed = co_await b.pass_until(decided, 9s);
    EXPECT_FALSE(exit.safe);
    co_await b.guest_writes("6");
    passed = co_await b.pass_until(decided, 1min);
    expect_about(passed, 10s);
    EXPECT_EQ(b.report().lost(), 994U);
    EXPECT_EQ(b.log.count("output lost"), 1U) << "never in silence";
    EXPECT_EQ(b.log.count("bytes=994"), 1U) << b.log.text();
    co_await exit.tasks.join();
    // What comes late is delivered like everything else, and no longer missing.
    co_await b.guest_writes(std::string(994, 'x'));
    co_await settle(executor);
    b.client->read();
    EXPECT_EQ(b.report().lost(), 0U);
    EXPECT_EQ(b.report().written(), 1000U);
    b.expect_books_balance();
    co_await b.stop();
  });
}

TEST(DeliveryEnd, ForcedEndTakesWhatIsOnTheWayAlsoBeyondTheSpoolsLimit) {
  co_test([](auto executor) -> awaitable<void> {
    delivery_bench b(executor);
    b.limits.spool = 1000;
    b.client->room = 10;
    flow::task_group tasks(executor, fail_test);
    b.output.start(b.stream);
    tasks.spawn("guest", b.guest_writes(pattern(300000)));
    co_await settle(executor);
    b.client->read(1);
    b.output.expedite();
    waiting_exit exit(b, 300000);
    const auto decided = [&] { return exit.safe; };
    co_await b.pass_until(decided, 1min);
    EXPECT_TRUE(exit.safe);
    EXPECT_EQ(b.report().lost(), 0U);
    co_await exit.tasks.join();
    co_await tasks.join();
    tasks.spawn("guest ends", b.guest_ends());
    b.client->room = 1 << 20;
    co_await b.read_to_end();
    EXPECT_EQ(b.client->got, pattern(300000));
    co_await b.output.join();
    co_await tasks.join();
  });
}

TEST(DeliveryEnd, ForcedEndWaitsTwoSecondsForAReaderThatHasStalled) {
  co_test([](auto executor) -> awaitable<void> {
    delivery_bench b(executor);
    b.output.start(b.stream);
    co_await b.guest_writes("first");
    co_await settle(executor);
    b.client->read();
    co_await b.guest_writes("second");
    b.output.expedite();
    waiting_exit exit(b, 11);
    const auto decided = [&] { return exit.safe; };
    const auto passed = co_await b.pass_until(decided, 1min);
    expect_about(passed, 2s);
    EXPECT_EQ(b.report().lost(), 0U) << "it is held, not lost";
    b.client->read();
    EXPECT_EQ(b.client->got, "firstsecond");
    co_await exit.tasks.join();
    co_await b.stop();
  });
}

// --- after Delete ------------------------------------------------------------------------------

TEST(DeliveryEnd, LingersUntilTheReaderHasAll) {
  co_test([](auto executor) -> awaitable<void> {
    delivery_bench b(executor);
    const auto data = pattern(200000);
    flow::task_group tasks(executor, fail_test);
    b.output.start(b.stream);
    b.output.take_all();
    co_await b.guest_writes(data);
    tasks.spawn("guest ends", b.guest_ends());
    co_await b.output.wait_received();
    bool over = false;
    tasks.spawn("linger", set_when(b.output.linger(), over));
    // Slow, but it moves.
    for (int i = 0; i < 10 && !over; ++i) {
      co_await b.pass(500s);
      b.client->read(50000);
      co_await b.pass(250ms);
    }
    EXPECT_TRUE(over);
    co_await tasks.join();
    co_await b.output.join();
    EXPECT_EQ(b.client->got, data);
    EXPECT_EQ(b.report().sink, sink_state::delivered);
    EXPECT_EQ(b.report().lost(), 0U);
  });
}

TEST(DeliveryEnd, LingeringEndsWithTheLastReaderAndCountsWhatItHadNotRead) {
  co_test([](auto executor) -> awaitable<void> {
    delivery_bench b(executor);
    flow::task_group tasks(executor, fail_test);
    b.output.start(b.stream);
    b.output.take_all();
    co_await b.guest_writes(pattern(200000));
    tasks.spawn("guest ends", b.guest_ends());
    co_await b.output.wait_received();
    co_await settle(executor);
    b.client->read(60000);
    b.client->reader = false;
    co_await b.output.linger();
    co_await b.output.join();
    co_await tasks.join();
    EXPECT_EQ(b.client->got.size(), 60000U);
    EXPECT_EQ(b.report().lost(), 140000U);
    EXPECT_EQ(b.report().sink, sink_state::abandoned);
    EXPECT_EQ(b.log.count("reason=\"no reader is left\""), 1U) << b.log.text();
    EXPECT_TRUE(b.client->closed);
  });
}

TEST(DeliveryEnd, LingeringEndsWhenNothingMovesForTooLong) {
  co_test([](auto executor) -> awaitable<void> {
    delivery_bench b(executor);
    flow::task_group tasks(executor, fail_test);
    b.output.start(b.stream);
    co_await b.guest_writes("never read");
    tasks.spawn("guest ends", b.guest_ends());
    co_await b.output.wait_received();
    co_await settle(executor);
    bool over = false;
    tasks.spawn("linger", set_when(b.output.linger(), over));
    co_await settle(executor);
    co_await b.pass(599s);
    EXPECT_FALSE(over);
    const auto decided = [&] { return over; };
    const auto passed = co_await b.pass_until(decided, 1min);
    expect_about(passed, 1s);
    co_await b.output.join();
    co_await tasks.join();
    EXPECT_EQ(b.report().lost(), 10U);
    EXPECT_EQ(b.report().sink, sink_state::abandoned);
  });
}
