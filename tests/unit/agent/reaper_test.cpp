#include "agent/container/reaper.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <set>

#include "flow/system/spawn.hpp"
#include "flow/task_group.hpp"
#include "tests/support/co_test.hpp"

using agent::process_end;
using agent::reaper;
using flow::awaitable;
using tests::co_test;

namespace {

struct bench {
  explicit bench(const boost::asio::any_io_executor& executor)
      : children(executor),
        tasks(executor, [](const std::string& name, const std::exception_ptr& e) {
          ADD_FAILURE() << name << ": " << flow::describe(e);
        }) {}

  void start() { tasks.spawn("reaper", children.run()); }
  awaitable<void> end() {
    children.stop();
    co_await tasks.join();
  }

  reaper children;
  flow::task_group tasks;
};

pid_t run(const std::string& script) {
  flow::command c;
  c.argv = {"/bin/sh", "-c", script};
  const auto pid = flow::spawn(c);
  EXPECT_TRUE(pid);
  return pid.value();
}

// It stays a zombie.
void wait_until_ended(pid_t pid) {
  siginfo_t info{};
  int waited = 0;
  do {
    waited = ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT);
  } while (waited != 0 && errno == EINTR);
  EXPECT_EQ(waited, 0);
}

}  // namespace

TEST(Reaper, TellsTheExitCode) {
  co_test([](auto executor) -> awaitable<void> {
    bench b(executor);
    b.start();
    const auto end = co_await b.children.wait(run("exit 42"));
    EXPECT_EQ(end.status, 42U);
    co_await b.end();
  });
}

TEST(Reaper, TellsTheSignalThatKilled) {
  co_test([](auto executor) -> awaitable<void> {
    bench b(executor);
    b.start();
    const auto end = co_await b.children.wait(run("kill -KILL $$"));
    EXPECT_EQ(end.status, 128U + SIGKILL);
    co_await b.end();
  });
}

TEST(Reaper, TellsWhenItEnded) {
  co_test([](auto executor) -> awaitable<void> {
    bench b(executor);
    b.start();
    const auto now = [] {
      return std::chrono::nanoseconds(std::chrono::system_clock::now().time_since_epoch()).count();
    };
    const auto before = now();
    const auto end = co_await b.children.wait(run("exit 0"));
    EXPECT_GE(end.ended_at, before);
    EXPECT_LE(end.ended_at, now());
    co_await b.end();
  });
}

TEST(Reaper, AChildThatEndedBeforeItRanIsReaped) {
  co_test([](auto executor) -> awaitable<void> {
    bench b(executor);
    const pid_t pid = run("exit 3");
    wait_until_ended(pid);
    std::uint32_t status = 0;
    b.children.watch(pid, [&](process_end end) { status = end.status; });
    b.start();
    co_await b.end();
    EXPECT_EQ(status, 3U);
  });
}

TEST(Reaper, AnOrphanIsAdoptedAndReaped) {
  co_test([](auto executor) -> awaitable<void> {
    bench b(executor);
    b.start();
    std::array<int, 2> ends{};
    EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    flow::command c;
    c.argv = {"/bin/sh", "-c", "sleep 1000 & echo $!"};
    c.descriptors = {{ends[1], 1}};
    const auto parent = flow::spawn(c);
    co_await b.children.wait(parent.value());
    std::array<char, 32> text{};
    EXPECT_GT(::read(ends[0], text.data(), text.size() - 1), 0);
    ::close(ends[0]);
    ::close(ends[1]);
    const auto orphan = static_cast<pid_t>(std::atoi(text.data()));
    EXPECT_EQ(::kill(orphan, SIGTERM), 0);
    const auto end = co_await b.children.wait(orphan);
    EXPECT_EQ(end.status, 128U + SIGTERM);
    co_await b.end();
    EXPECT_EQ(::kill(orphan, 0), -1) << "no zombie is left";
  });
}

TEST(Reaper, AChildNobodyWatchesIsReapedAndForgotten) {
  co_test([](auto executor) -> awaitable<void> {
    bench b(executor);
    b.start();
    const pid_t unknown = run("exit 0");
    wait_until_ended(unknown);
    // Everything that had ended is reaped when this one is.
    co_await b.children.wait(run("exit 0"));
    EXPECT_EQ(::kill(unknown, 0), -1);
    bool told = false;
    b.children.watch(unknown, [&](process_end) { told = true; });
    EXPECT_FALSE(told) << "the pid may be another process's by now";
    co_await b.end();
  });
}

TEST(Reaper, AnExpectedExitWaitsForItsWatcher) {
  co_test([](auto executor) -> awaitable<void> {
    bench b(executor);
    b.start();
    const pid_t early = run("exit 9");
    {
      const reaper::expectation expected(b.children);
      wait_until_ended(early);
      co_await b.children.wait(run("exit 0"));
      int told = 0;
      b.children.watch(early, [&](process_end end) {
        EXPECT_EQ(end.status, 9U);
        ++told;
      });
      EXPECT_EQ(told, 1) << "from within the call, once";
    }
    co_await b.end();
  });
}

TEST(Reaper, AnExpectationThatEndedKeepsNothingButTheOthersDo) {
  co_test([](auto executor) -> awaitable<void> {
    bench b(executor);
    b.start();
    auto inner = std::make_unique<reaper::expectation>(b.children);
    auto outer = std::make_unique<reaper::expectation>(b.children);
    const pid_t first = run("exit 1");
    const pid_t second = run("exit 2");
    wait_until_ended(first);
    wait_until_ended(second);
    co_await b.children.wait(run("exit 0"));
    int told = 0;
    inner.reset();
    b.children.watch(first, [&](process_end) { ++told; });
    EXPECT_EQ(told, 1);
    outer.reset();
    b.children.watch(second, [&](process_end) { ++told; });
    EXPECT_EQ(told, 1);
    co_await b.end();
  });
}

TEST(Reaper, ManyThatEndAtOnceAreAllTold) {
  co_test([](auto executor) -> awaitable<void> {
    bench b(executor);
    std::set<std::uint32_t> told;
    flow::event changed(executor);
    for (std::uint32_t n = 0; n < 50; ++n) {
      const pid_t pid = run("exit " + std::to_string(n));
      b.children.watch(pid, [&](process_end end) {
        told.insert(end.status);
        changed.notify_all();
      });
      // Their signals have become one.
      wait_until_ended(pid);
    }
    b.start();
    while (told.size() < 50) {
      co_await changed.wait();
    }
    co_await b.end();
  });
}

TEST(Reaper, StopIsHeardBeforeItRuns) {
  co_test([](auto executor) -> awaitable<void> {
    bench b(executor);
    b.children.stop();
    b.start();
    co_await b.tasks.join();
  });
}

TEST(Reaper, StopIsHeardFromWithinAHandler) {
  co_test([](auto executor) -> awaitable<void> {
    bench b(executor);
    b.start();
    // The wait for a signal has completed and the next has not begun.
    b.children.watch(run("exit 0"), [&](process_end) { b.children.stop(); });
    co_await b.tasks.join();
  });
}

TEST(Reaper, AHandlerMayWatchAnother) {
  co_test([](auto executor) -> awaitable<void> {
    bench b(executor);
    b.start();
    flow::event done(executor);
    bool told = false;
    b.children.watch(run("exit 0"), [&](process_end) {
      b.children.watch(run("exit 0"), [&](process_end) {
        told = true;
        done.notify_all();
      });
    });
    while (!told) {
      co_await done.wait();
    }
    co_await b.end();
  });
}
