#include "runtime_api/ttrpc/receive_queue.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>

#include "runtime_api/ttrpc/status.hpp"
#include "tests/support/co_test.hpp"

using flow::awaitable;
using tests::co_test;
using ttrpc::code;
using ttrpc::limits;
using ttrpc::receive_queue;

namespace {

limits small() {
  limits l;
  l.stream_messages = 2;
  l.stream_bytes = 10;
  l.stream_stall = std::chrono::milliseconds(1);
  return l;
}

}  // namespace

TEST(TtrpcReceiveQueue, DeliversInOrderThenTheEndForEver) {
  co_test([](auto executor) -> awaitable<void> {
    receive_queue queue(executor, limits());
    queue.push("a");
    queue.push("");
    queue.finish();
    queue.push("dropped");
    for (const char* expected : {"a", ""}) {
      std::string next = "old";
      const auto got = co_await queue.pop(next);
      EXPECT_EQ(got.value(), ttrpc::received::message);
      EXPECT_EQ(next, expected);
    }
    for (int i = 0; i < 2; ++i) {
      std::string next;
      const auto got = co_await queue.pop(next);
      EXPECT_EQ(got.value(), ttrpc::received::end);
    }
  });
}

TEST(TtrpcReceiveQueue, FailureComesBehindWhatArrivedBefore) {
  co_test([](auto executor) -> awaitable<void> {
    receive_queue queue(executor, limits());
    queue.push("a");
    queue.fail(flow::error(code::unavailable, "lost"));
    queue.fail(flow::error(code::internal, "later"));
    std::string next;
    const auto first = co_await queue.pop(next);
    EXPECT_EQ(first.value(), ttrpc::received::message);
    const auto second = co_await queue.pop(next);
    EXPECT_FALSE(second);
    EXPECT_EQ(second.error().message(), "lost: unavailable");
  });
}

TEST(TtrpcReceiveQueue, FirstEndCounts) {
  co_test([](auto executor) -> awaitable<void> {
    receive_queue queue(executor, limits());
    queue.finish();
    queue.fail(flow::error(code::internal));
    std::string next;
    const auto got = co_await queue.pop(next);
    EXPECT_EQ(got.value(), ttrpc::received::end);
    EXPECT_FALSE(queue.failure().has_value());
  });
}

TEST(TtrpcReceiveQueue, PopWaitsForAMessage) {
  co_test([](auto executor) -> awaitable<void> {
    receive_queue queue(executor, limits());
    boost::asio::post(executor, [&] { queue.push("late"); });
    std::string next;
    const auto got = co_await queue.pop(next);
    EXPECT_EQ(got.value(), ttrpc::received::message);
    EXPECT_EQ(next, "late");
  });
}

TEST(TtrpcReceiveQueue, IsFullByMessagesOrByBytesButAlwaysTakesOne) {
  co_test([](auto executor) -> awaitable<void> {
    receive_queue by_messages(executor, small());
    by_messages.push("a");
    const bool one = co_await by_messages.wait_room();
    EXPECT_TRUE(one);
    by_messages.push("b");
    const bool two = co_await by_messages.wait_room();
    EXPECT_FALSE(two);

    receive_queue by_bytes(executor, small());
    const bool empty = co_await by_bytes.wait_room();
    EXPECT_TRUE(empty);
    by_bytes.push(std::string(1000, 'x'));
    const bool full = co_await by_bytes.wait_room();
    EXPECT_FALSE(full);
    std::string taken;
    co_await by_bytes.pop(taken);
    const bool again = co_await by_bytes.wait_room();
    EXPECT_TRUE(again);
  });
}

TEST(TtrpcReceiveQueue, ReadingMakesRoomForWhoWaits) {
  co_test([](auto executor) -> awaitable<void> {
    limits l = small();
    l.stream_stall = std::chrono::hours(1);
    receive_queue queue(executor, l);
    queue.push("a");
    queue.push("b");
    boost::asio::co_spawn(
        executor,
        [](receive_queue& q) -> awaitable<void> {
          std::string next;
          const auto got = co_await q.pop(next);
          EXPECT_EQ(got.value(), ttrpc::received::message);
        }(queue),
        [](const std::exception_ptr& e) { EXPECT_FALSE(e); });
    const bool room = co_await queue.wait_room();
    EXPECT_TRUE(room);
  });
}

TEST(TtrpcReceiveQueue, EndReleasesWhoWaitsForRoom) {
  co_test([](auto executor) -> awaitable<void> {
    limits l = small();
    l.stream_stall = std::chrono::hours(1);
    receive_queue queue(executor, l);
    queue.push("a");
    queue.push("b");
    boost::asio::post(executor, [&] { queue.fail(flow::error(code::cancelled)); });
    const bool room = co_await queue.wait_room();
    EXPECT_TRUE(room);
  });
}
