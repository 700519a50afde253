#include "agent/container/event_queue.hpp"

#include <gtest/gtest.h>

#include "tests/unit/flow/stream_fixture.hpp"

using flow::awaitable;
using namespace tests;

namespace {

hvsock::agent::v1::Event exit_of(std::uint32_t process) {
  hvsock::agent::v1::Event event;
  event.mutable_exit()->set_process(process);
  return event;
}

awaitable<void> wait_for_one(agent::event_queue& queue) {
  while (queue.empty()) {
    co_await queue.changed().wait();
  }
}

}  // namespace

TEST(EventQueue, KeepsTheOrder) {
  co_test([](auto executor) -> awaitable<void> {
    agent::event_queue queue(executor);
    EXPECT_TRUE(queue.empty());
    for (std::uint32_t n = 1; n < 4; ++n) {
      queue.push(exit_of(n));
    }
    for (std::uint32_t n = 1; n < 4; ++n) {
      EXPECT_EQ(queue.front().exit().process(), n);
      queue.pop();
    }
    EXPECT_TRUE(queue.empty());
    co_return;
  });
}

TEST(EventQueue, WakesWhoWaitsForOne) {
  co_test([](auto executor) -> awaitable<void> {
    agent::event_queue queue(executor);
    started<void> waiting(executor, wait_for_one(queue));
    co_await turns(executor);
    EXPECT_FALSE(waiting.done());
    queue.push(exit_of(1));
    co_await waiting.wait();
  });
}

TEST(EventQueue, TheFirstStaysWhereItIsWhileOthersArrive) {
  co_test([](auto executor) -> awaitable<void> {
    agent::event_queue queue(executor);
    queue.push(exit_of(1));
    const auto* first = &queue.front();
    for (std::uint32_t n = 2; n < 2000; ++n) {
      queue.push(exit_of(n));
    }
    EXPECT_EQ(first, &queue.front()) << "it may be being sent";
    co_return;
  });
}
