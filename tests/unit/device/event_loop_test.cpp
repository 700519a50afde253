#include "flow/device/event_loop.hpp"

#include "tests/unit/device/device_fixture.hpp"

using namespace tests;
using namespace std::chrono_literals;
using flow::device::event_loop;

namespace {

class EventLoop : public ::testing::Test {
 protected:
  event_loop::watch add(const flow::unique_fd& fd, std::uint32_t events,
                        std::function<void(std::uint32_t)> handler) {
    auto made = loop->add(fd.get(), events, std::move(handler));
    if (!made) {
      throw std::runtime_error("add");
    }
    return std::move(*made);
  }
  void turn() { ASSERT_TRUE(loop->run_once(0ms)); }

  flow::result<event_loop> loop = event_loop::create();
  std::array<flow::unique_fd, 2> a = socket_pair();
  std::array<flow::unique_fd, 2> b = socket_pair();
};

}  // namespace

TEST_F(EventLoop, CallsTheHandlerOfWhatIsReady) {
  int calls = 0;
  const auto w = add(a[0], EPOLLIN, [&](std::uint32_t e) {
    EXPECT_EQ(e, std::uint32_t{EPOLLIN});
    ++calls;
  });
  turn();
  EXPECT_EQ(calls, 0);
  ::send(a[1].get(), "x", 1, 0);
  turn();
  EXPECT_EQ(calls, 1);
}

TEST_F(EventLoop, DroppedWatchIsNotCalledEvenWithinTheBatch) {
  int calls = 0;
  event_loop::watch first;
  event_loop::watch second;
  first = add(a[0], EPOLLIN, [&](std::uint32_t) {
    ++calls;
    second.reset();
  });
  second = add(b[0], EPOLLIN, [&](std::uint32_t) {
    ++calls;
    first.reset();
  });
  ::send(a[1].get(), "x", 1, 0);
  ::send(b[1].get(), "x", 1, 0);
  turn();
  EXPECT_EQ(calls, 1);
}

TEST_F(EventLoop, WatchThatReplacesADroppedOneDoesNotGetItsEvents) {
  int calls = 0;
  event_loop::watch first;
  event_loop::watch second;
  event_loop::watch third;
  const auto replace = [&](event_loop::watch& other) {
    other.reset();
    third = add(flow::unique_fd(::dup(b[1].get())), EPOLLIN, [&](std::uint32_t) { ++calls; });
  };
  first = add(a[0], EPOLLIN, [&](std::uint32_t) { replace(second); });
  second = add(b[0], EPOLLIN, [&](std::uint32_t) { replace(first); });
  ::send(a[1].get(), "x", 1, 0);
  ::send(b[1].get(), "x", 1, 0);
  turn();
  EXPECT_EQ(calls, 0);
}

TEST_F(EventLoop, HandlerMayDropItself) {
  int calls = 0;
  event_loop::watch w;
  w = add(a[0], EPOLLIN, [&](std::uint32_t) {
    w.reset();
    ++calls;
  });
  ::send(a[1].get(), "x", 1, 0);
  turn();
  turn();
  EXPECT_EQ(calls, 1);
}

TEST_F(EventLoop, HandlerMayAddManyWatches) {
  std::vector<event_loop::watch> more;
  std::vector<flow::unique_fd> copies;
  const auto w = add(a[0], EPOLLIN | EPOLLET, [&](std::uint32_t) {
    for (int i = 0; i < 100; ++i) {
      copies.emplace_back(::dup(b[0].get()));
      more.push_back(add(copies.back(), EPOLLIN, [](std::uint32_t) {}));
    }
  });
  ::send(a[1].get(), "x", 1, 0);
  turn();
  EXPECT_EQ(more.size(), 100U);
}

TEST_F(EventLoop, RegularFileCannotBeWaitedFor) {
  const guest_ram memory;
  EXPECT_FALSE(loop->add(memory.fd(), EPOLLIN, [](std::uint32_t) {}));
}

TEST_F(EventLoop, ChangeReportsAStateThatAlreadyHolds) {
  int writable = 0;
  auto w = add(a[0], EPOLLIN | EPOLLET,
               [&](std::uint32_t e) { writable += (e & EPOLLOUT) != 0 ? 1 : 0; });
  turn();
  EXPECT_EQ(writable, 0);
  w.change(EPOLLIN | EPOLLOUT | EPOLLET);
  turn();
  turn();
  EXPECT_EQ(writable, 1);
}

TEST_F(EventLoop, WorkIsDoneOncePerTurnAndAgainWithoutWaitingIfLeft) {
  int turns = 0;
  loop->set_work([&] { return ++turns < 3; });
  turn();
  EXPECT_EQ(turns, 1);
  // Would wait for ever if the loop did not know about the remaining work.
  ASSERT_TRUE(loop->run_once());
  ASSERT_TRUE(loop->run_once());
  EXPECT_EQ(turns, 3);
}

TEST_F(EventLoop, TimersFireOnceAndInTheirTime) {
  std::string order;
  const auto late = loop->call_after(10ms, [&] { order += "late "; });
  const auto early = loop->call_after(0ms, [&] { order += "early "; });
  const auto never = loop->call_after(24h, [&] { order += "never "; });
  while (order.size() < 11) {
    ASSERT_TRUE(loop->run_once());
  }
  turn();
  EXPECT_EQ(order, "early late ");
}

TEST_F(EventLoop, DroppedTimerDoesNotFire) {
  int fired = 0;
  auto t = loop->call_after(0ms, [&] { ++fired; });
  t.reset();
  turn();
  EXPECT_EQ(fired, 0);
}

TEST_F(EventLoop, TimerMayDropAnotherThatIsDue) {
  int fired = 0;
  event_loop::timer first;
  event_loop::timer second;
  first = loop->call_after(0ms, [&] {
    ++fired;
    second.reset();
  });
  second = loop->call_after(0ms, [&] {
    ++fired;
    first.reset();
  });
  turn();
  turn();
  EXPECT_EQ(fired, 1);
}

TEST_F(EventLoop, TimerMaySetItselfAgain) {
  int fired = 0;
  event_loop::timer t;
  std::function<void()> again = [&] {
    if (++fired < 3) {
      t = loop->call_after(0ms, again);
    }
  };
  t = loop->call_after(0ms, again);
  while (fired < 3) {
    ASSERT_TRUE(loop->run_once());
  }
  turn();
  EXPECT_EQ(fired, 3);
}
