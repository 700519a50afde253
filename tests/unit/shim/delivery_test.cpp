// How bytes move, how the two sides end, and that every byte is accounted for. When an exit is safe
// is in delivery_exit_test.cpp and delivery_end_test.cpp.
#include "shim/io/delivery.hpp"

#include <gtest/gtest.h>

#include "tests/unit/shim/delivery_bench.hpp"

using flow::awaitable;
using namespace std::chrono_literals;
using shim::sink_state;
using shim::source_state;
using tests::co_test;
using tests::delivery_bench;
using tests::fail_test;
using tests::pattern;
using tests::set_when;
using tests::settle;

TEST(Delivery, BringsEveryByteAndClosesTheSinkByItself) {
  co_test([](auto executor) -> awaitable<void> {
    delivery_bench b(executor);
    flow::task_group tasks(executor, fail_test);
    EXPECT_EQ(b.report().source, source_state::awaited);
    b.output.start(b.stream);
    EXPECT_EQ(b.report().source, source_state::flowing);
    co_await b.guest_writes("hello");
    tasks.spawn("guest ends", b.guest_ends());
    co_await b.pass(1h);
    EXPECT_FALSE(b.client->closed) << "the client has not read yet";
    EXPECT_EQ(b.report().source, source_state::ended);
    EXPECT_EQ(b.report().sink, sink_state::delivering);
    co_await b.read_to_end();
    co_await b.output.join();
    EXPECT_EQ(b.client->got, "hello");
    EXPECT_EQ(b.report().sink, sink_state::delivered);
    EXPECT_EQ(b.report().lost(), 0U);
    EXPECT_EQ(b.log.text(), "") << "nothing happened that an operator should know";
    co_await tasks.join();
  });
}

TEST(Delivery, StalledReaderStopsTheGuestWhileTheProcessRuns) {
  co_test([](auto executor) -> awaitable<void> {
    delivery_bench b(executor);
    b.link.to_second().capacity = 65536;
    b.client->room = 1000;
    flow::task_group tasks(executor, fail_test);
    b.output.start(b.stream);
    bool written = false;
    tasks.spawn("guest", set_when(b.guest_writes(std::string(1 << 20, 'x')), written));
    co_await b.pass(1h);
    EXPECT_FALSE(written) << "a reader that takes nothing must be felt";
    EXPECT_LT(b.report().received, 300000U);
    while (!written) {
      b.client->read();
      co_await settle(executor);
    }
    tasks.spawn("guest ends", b.guest_ends());
    co_await b.read_to_end();
    co_await b.output.join();
    co_await tasks.join();
    EXPECT_EQ(b.client->got.size(), 1U << 20U);
  });
}

TEST(Delivery, WithoutAStreamThereIsNothingToWaitFor) {
  co_test([](auto executor) -> awaitable<void> {
    delivery_bench b(executor);
    b.output.start_without_stream();
    co_await b.output.wait_safe(0);
    co_await b.output.join();
    EXPECT_TRUE(b.client->closed);
    EXPECT_EQ(b.report().source, source_state::absent);
    EXPECT_EQ(b.report().sink, sink_state::delivered);
  });
}

// --- the three ways to fall short --------------------------------------------------------------

TEST(Delivery, StreamThatBreaksOffWhileItsProcessLivesOnIsTruncatedAndLogged) {
  co_test([](auto executor) -> awaitable<void> {
    delivery_bench b(executor);
    b.output.start(b.stream);
    co_await b.guest_writes("only this");
    co_await settle(executor);
    b.link.reset();
    co_await b.read_to_end();
    co_await b.output.join();
    EXPECT_EQ(b.report().source, source_state::truncated);
    EXPECT_EQ(b.report().sink, sink_state::delivered) << "what came was read";
    EXPECT_EQ(b.report().lost(), 0U) << "nobody knows of more";
    EXPECT_EQ(b.log.count("output stream broke off"), 1U) << b.log.text();
    EXPECT_EQ(b.log.count("received=9"), 1U) << b.log.text();
    EXPECT_EQ(b.log.count("\n"), 1U) << b.log.text();
  });
}

TEST(Delivery, StreamThatEndsEarlyIsCountedAsLost) {
  co_test([](auto executor) -> awaitable<void> {
    delivery_bench b(executor);
    b.output.start(b.stream);
    co_await b.guest_writes("only this");
    co_await settle(executor);
    b.client->read();
    b.link.reset();
    co_await b.output.wait_safe(100);
    EXPECT_EQ(b.report().missing, 91U);
    EXPECT_EQ(b.report().written(), 100U);
    EXPECT_EQ(b.report().lost(), 91U);
    EXPECT_EQ(b.report().source, source_state::truncated);
    EXPECT_EQ(b.client->got, "only this");
    EXPECT_EQ(b.log.count("output lost"), 1U) << b.log.text();
    b.expect_books_balance();
    co_await b.output.join();
  });
}

TEST(Delivery, SinkThatFailsKeepsTheProcessRunning) {
  co_test([](auto executor) -> awaitable<void> {
    delivery_bench b(executor);
    b.link.to_second().capacity = 65536;
    flow::task_group tasks(executor, fail_test);
    b.output.start(b.stream);
    b.client->fail(flow::error_code(ENOSPC, boost::system::system_category()));
    co_await b.guest_writes(std::string(1 << 20, 'x'));
    tasks.spawn("guest ends", b.guest_ends());
    co_await b.output.wait_safe(1 << 20);
    co_await b.output.join();
    co_await tasks.join();
    EXPECT_EQ(b.report().lost(), 1U << 20U) << "discarded, and counted";
    EXPECT_EQ(b.report().source, source_state::ended);
    EXPECT_EQ(b.report().sink, sink_state::failed);
    EXPECT_EQ(b.log.count("output cannot be delivered"), 1U) << b.log.text();
    EXPECT_EQ(b.log.count("\n"), 1U) << "once, however much is discarded: " << b.log.text();
  });
}

TEST(Delivery, ReaderThatDiesForGoodLosesWhatItHasNotReadAndThatIsCounted) {
  co_test([](auto executor) -> awaitable<void> {
    delivery_bench b(executor);
    b.client->of_one_program = true;
    flow::task_group tasks(executor, fail_test);
    b.output.start(b.stream);
    co_await b.guest_writes("read, unread");
    co_await settle(executor);
    b.client->read(4);
    b.client->reader = false;
    co_await b.output.wait_safe(12);
    EXPECT_EQ(b.report().sink, sink_state::delivering) << "more may come";
    tasks.spawn("guest ends", b.guest_ends());
    co_await b.output.join();
    EXPECT_EQ(b.report().dropped, 8U);
    EXPECT_EQ(b.report().sink, sink_state::failed);
    b.expect_books_balance();
    co_await tasks.join();
  });
}

TEST(Delivery, AbandonedOutputIsNotDelivered) {
  co_test([](auto executor) -> awaitable<void> {
    delivery_bench b(executor);
    b.client->room = 10;
    flow::task_group tasks(executor, fail_test);
    b.output.start(b.stream);
    b.output.take_all();
    co_await b.guest_writes(pattern(150000));
    tasks.spawn("guest ends", b.guest_ends());
    co_await b.output.wait_received();
    co_await settle(executor);
    b.client->read(4);
    b.output.abandon("nobody wants it");
    b.output.abandon("said before");
    co_await b.output.join();
    co_await tasks.join();
    EXPECT_EQ(b.report().source, source_state::ended);
    EXPECT_EQ(b.report().sink, sink_state::abandoned);
    EXPECT_EQ(b.report().dropped, 150000U - 4U);
    EXPECT_EQ(b.log.count("output abandoned"), 1U) << b.log.text();
    EXPECT_EQ(b.log.count("bytes=149996 reason=\"nobody wants it\""), 1U) << b.log.text();
    EXPECT_EQ(b.log.count("\n"), 1U) << b.log.text();
    b.expect_books_balance();
  });
}

TEST(Delivery, OutputThatWasJustReadToItsEndIsDeliveredNotAbandoned) {
  co_test([](auto executor) -> awaitable<void> {
    delivery_bench b(executor);
    flow::task_group tasks(executor, fail_test);
    b.output.start(b.stream);
    co_await b.guest_writes("all of it");
    tasks.spawn("guest ends", b.guest_ends());
    co_await settle(executor);
    // The client reads and hangs up between two looks at its FIFO.
    b.client->read();
    b.client->reader = false;
    co_await b.output.linger();
    EXPECT_EQ(b.report().sink, sink_state::delivered);
    EXPECT_EQ(b.log.text(), "");
    co_await b.output.join();
    co_await tasks.join();
  });
}

TEST(Delivery, BytesThatArriveAfterItWasAbandonedAreCounted) {
  co_test([](auto executor) -> awaitable<void> {
    delivery_bench b(executor);
    b.output.start(b.stream);
    co_await settle(executor);
    b.output.abandon("nobody wants it");
    co_await b.guest_writes("too late");
    co_await settle(executor);
    EXPECT_EQ(b.report().received, 8U);
    EXPECT_EQ(b.report().dropped, 8U);
    EXPECT_EQ(b.report().source, source_state::truncated) << "nobody heard its end";
    b.expect_books_balance();
    b.stream.abort();
    co_await b.output.join();
  });
}

TEST(Delivery, BytesThatWereBeingSentWhenItWasAbandonedAreDelivered) {
  co_test([](auto executor) -> awaitable<void> {
    delivery_bench b(executor);
    b.client->room = 0;
    b.client->sends_on = true;
    b.output.start(b.stream);
    co_await b.guest_writes("on the connection");
    co_await settle(executor);
    co_await b.stop();
    b.client->read();
    EXPECT_EQ(b.report().dropped, 0U);
    EXPECT_EQ(b.report().delivered, 17U);
    b.expect_books_balance();
  });
}

// --- the books ---------------------------------------------------------------------------------

TEST(Delivery, EveryByteIsAccountedForAtAnyTime) {
  co_test([](auto executor) -> awaitable<void> {
    delivery_bench b(executor);
    b.client->room = 1000;
    const auto data = pattern(400000);
    flow::task_group tasks(executor, fail_test);
    b.output.start(b.stream);
    bool safe = false;
    tasks.spawn("guest", b.guest_writes(data));
    tasks.spawn("exit", set_when(b.output.wait_safe(data.size()), safe));
    for (int i = 0; i < 100; ++i) {
      co_await b.pass(10ms);
      if (i % 10 == 9) {
        co_await b.pass(3s);
      }
      b.expect_books_balance();
      b.client->read(700);
      b.expect_books_balance();
    }
    EXPECT_GT(b.report().held, 200000U) << "the spool's part is among it";
    b.client->fail(flow::error_code(EPIPE, boost::system::system_category()));
    co_await settle(executor);
    b.expect_books_balance();
    EXPECT_EQ(b.report().sink, sink_state::failed);
    co_await tasks.join();
    EXPECT_TRUE(safe);
    EXPECT_EQ(b.report().held, 0U);
    EXPECT_EQ(b.report().received, data.size());
    co_await b.stop();
  });
}

TEST(Delivery, FifoThatHoldsOthersBytesTooIsNotMistakenForRead) {
  co_test([](auto executor) -> awaitable<void> {
    delivery_bench b(executor);
    // Both outputs of a process may go to one FIFO.
    const std::string others = "from the other stream";
    static_cast<void>(co_await b.client->write_some(flow::asio::buffer(others)));
    b.output.start(b.stream);
    co_await b.guest_writes("ours");
    flow::task_group tasks(executor, fail_test);
    bool safe = false;
    tasks.spawn("exit", set_when(b.output.wait_safe(4), safe));
    co_await b.pass(1s);
    EXPECT_FALSE(safe);
    EXPECT_EQ(b.report().delivered, 0U);
    b.client->read();
    co_await b.pass(1s);
    EXPECT_TRUE(safe);
    co_await tasks.join();
    co_await b.stop();
  });
}
