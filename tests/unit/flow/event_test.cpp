#include "flow/event.hpp"

#include <boost/asio/post.hpp>

#include "flow/deadline.hpp"
#include "tests/support/co_test.hpp"

using namespace std::chrono_literals;
using flow::awaitable;
using tests::co_test;

TEST(FlowEvent, WaiterResumesOnNotify) {
  co_test([](auto executor) -> awaitable<void> {
    flow::event changed(executor);
    boost::asio::post(executor, [&] { changed.notify_all(); });
    co_await changed.wait();
  });
}

TEST(FlowEvent, TimedWaitTellsNotifiedFromExpired) {
  co_test([](auto executor) -> awaitable<void> {
    flow::event changed(executor);
    const bool early = co_await changed.wait_for(1ms);
    EXPECT_FALSE(early);
    boost::asio::post(executor, [&] { changed.notify_all(); });
    const bool notified = co_await changed.wait_for(1h);
    EXPECT_TRUE(notified);
  });
}

TEST(FlowDeadline, RunsWhenTheScopeTakesTooLong) {
  co_test([](auto executor) -> awaitable<void> {
    flow::event expired(executor);
    flow::deadline limit(executor, 1ms, [&] { expired.notify_all(); });
    EXPECT_FALSE(limit.expired());
    co_await expired.wait();
    EXPECT_TRUE(limit.expired());
  });
}

TEST(FlowDeadline, NeverRunsAfterItIsGone) {
  co_test([](auto executor) -> awaitable<void> {
    bool ran = false;
    {
      const flow::deadline limit(executor, 0ms, [&] { ran = true; });
    }
    flow::event never(executor);
    co_await never.wait_for(5ms);
    EXPECT_FALSE(ran);
  });
}
