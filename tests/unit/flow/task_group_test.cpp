#include "flow/task_group.hpp"

#include <stdexcept>

#include "tests/support/co_test.hpp"
#include "tests/support/settle.hpp"

using flow::awaitable;
using flow::task_group;
using tests::co_test;
using tests::settle;

namespace {

awaitable<void> wait_then_count(flow::event& go, int& count) {
  co_await go.wait();
  ++count;
}

awaitable<void> fail() {
  throw std::runtime_error("broken");
  co_return;
}

}  // namespace

TEST(TaskGroup, JoinWaitsForEveryTask) {
  co_test([](auto executor) -> awaitable<void> {
    flow::event go(executor);
    int count = 0;
    task_group group(executor, [](const std::string&, const std::exception_ptr&) { FAIL(); });
    for (int i = 0; i < 3; ++i) {
      group.spawn("waiter", wait_then_count(go, count));
    }
    co_await settle(executor);
    EXPECT_EQ(group.size(), 3U);
    go.notify_all();
    co_await group.join();
    EXPECT_EQ(count, 3);
  });
}

TEST(TaskGroup, FailureIsHeardWithTheTasksName) {
  co_test([](auto executor) -> awaitable<void> {
    std::string heard;
    task_group group(executor, [&](const std::string& name, const std::exception_ptr& failure) {
      heard = name + ": " + flow::describe(failure);
    });
    group.spawn("reader", fail());
    co_await group.join();
    EXPECT_EQ(heard, "reader: broken");
  });
}
