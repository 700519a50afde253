#include "flow/event.hpp"

#include <boost/asio/post.hpp>
#include <exception>
#include <optional>

#include "flow/deadline.hpp"
#include "flow/task_group.hpp"
#include "flow/testing/manual_clock.hpp"
#include "tests/support/co_test.hpp"
#include "tests/support/settle.hpp"

using namespace std::chrono_literals;
using flow::awaitable;
using flow::testing::manual_clock;
using tests::co_test;
using tests::settle;

namespace {

void rethrow_failure(const std::string& /*task*/, const std::exception_ptr& failure) {
  std::rethrow_exception(failure);
}

awaitable<void> wait_for_never(flow::event& changed, std::optional<bool>& result) {
  const auto never = [] { return false; };
  const bool held = co_await changed.wait_for(10s, never);
  result = held;
}

}  // namespace

TEST(FlowEvent, WaiterResumesOnNotify) {
  co_test([](auto executor) -> awaitable<void> {
    flow::event changed(executor);
    boost::asio::post(executor, [&] { changed.notify_all(); });
    co_await changed.wait();
  });
}

TEST(FlowDeadline, RunsWhenTheScopeTakesTooLong) {
  co_test([](auto executor) -> awaitable<void> {
    flow::event expired(executor);
    flow::deadline limit(executor, 1ms, [&] { expired.notify_all(); });
    EXPECT_FALSE(limit.expired());
    const auto over = [&] { return limit.expired(); };
    co_await expired.wait(over);
    EXPECT_TRUE(limit.expired());
  });
}

TEST(FlowDeadline, NeverRunsAfterItIsGone) {
  co_test([](auto executor) -> awaitable<void> {
    bool ran = false;
    {
      const flow::deadline limit(executor, 0ms, [&] { ran = true; });
    }
    co_await settle(executor);
    EXPECT_FALSE(ran);
  });
}

TEST(FlowEvent, AConditionThatHoldsIsNotWaitedFor) {
  co_test([](auto executor) -> awaitable<void> {
    flow::event changed(executor);
    const auto holds = [] { return true; };
    co_await changed.wait(holds);
    const bool held = co_await changed.wait_for(0s, holds);
    EXPECT_TRUE(held);
  });
}

TEST(FlowEvent, OtherNotificationsNeitherEndNorExtendATimedWait) {
  co_test([](auto executor) -> awaitable<void> {
    manual_clock time(executor);
    flow::event changed(executor);
    std::optional<bool> result;
    flow::task_group tasks(executor, rethrow_failure);
    tasks.spawn("wait", wait_for_never(changed, result));
    for (int i = 0; i < 10; ++i) {
      co_await settle(executor);
      EXPECT_FALSE(result.has_value());
      time.advance(900ms);
      changed.notify_all();
    }
    co_await settle(executor);
    EXPECT_FALSE(result.has_value());
    time.advance(1s);
    co_await tasks.join();
    EXPECT_EQ(result, false);
  });
}

TEST(FlowEvent, AConditionEndsATimedWaitBeforeItsLimit) {
  co_test([](auto executor) -> awaitable<void> {
    flow::event changed(executor);
    bool ready = false;
    boost::asio::post(executor, [&] {
      ready = true;
      changed.notify_all();
    });
    const auto holds = [&] { return ready; };
    const bool held = co_await changed.wait_for(1h, holds);
    EXPECT_TRUE(held);
  });
}

TEST(FlowDeadline, GoesByTheClockOfItsContext) {
  co_test([](auto executor) -> awaitable<void> {
    manual_clock time(executor);
    int expiries = 0;
    const flow::deadline limit(executor, 1h, [&] { ++expiries; });
    time.advance(59min);
    co_await settle(executor);
    EXPECT_FALSE(limit.expired());
    time.advance(1min);
    co_await settle(executor);
    EXPECT_TRUE(limit.expired());
    EXPECT_EQ(expiries, 1);
  });
}

TEST(FlowClock, IsTheSteadyClockUnlessAnotherIsInstalled) {
  co_test([](auto executor) -> awaitable<void> {
    const auto before = std::chrono::steady_clock::now();
    EXPECT_GE(flow::clock::of(executor).now(), before);
    {
      manual_clock time(executor);
      const auto standing = flow::clock::of(executor).now();
      time.advance(5s);
      EXPECT_EQ(flow::clock::of(executor).now() - standing, 5s);
    }
    EXPECT_GE(flow::clock::of(executor).now(), before);
    co_return;
  });
}
