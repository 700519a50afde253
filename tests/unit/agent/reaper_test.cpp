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
#include "tests/support/fixture_test.hpp"

using agent::process_exit;
using agent::reaper;
using flow::awaitable;
using tests::co_test;
using tests::fixture_test;

namespace {

struct bench {
  explicit bench(const boost::asio::any_io_executor& e)
      : executor(e),
        children(executor),
        tasks(executor, [](const std::string& name, const std::exception_ptr& failure) {
          ADD_FAILURE() << name << ": " << flow::describe(failure);
        }) {}

  void start() { tasks.spawn("reaper", children.run()); }
  awaitable<void> end() {
    children.stop();
    co_await tasks.join();
  }

  boost::asio::any_io_executor executor;
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
  fixture_test<bench>([](bench& b) -> awaitable<void> {
    b.start();
    const auto end = co_await b.children.wait(run("exit 42"));
    EXPECT_EQ(end.status, 42U);
  });
}

TEST(Reaper, TellsTheSignalThatKilled) {
  fixture_test<bench>([](bench& b) -> awaitable<void> {
    b.start();
    const auto end = co_await b.children.wait(run("kill -KILL $$"));
    EXPECT_EQ(end.status, 128U + SIGKILL);
  });
}

TEST(Reaper, TellsWhenItEnded) {
  fixture_test<bench>([](bench& b) -> awaitable<void> {
    b.start();
    const auto now = [] {
      return std::chrono::nanoseconds(std::chrono::system_clock::now().time_since_epoch()).count();
    };
    const auto before = now();
    const auto end = co_await b.children.wait(run("exit 0"));
    EXPECT_GE(end.exited_at, before);
    EXPECT_LE(end.exited_at, now());
  });
}

TEST(Reaper, AChildThatEndedBeforeItRanIsReaped) {
  co_test([](auto executor) -> awaitable<void> {
    bench b(executor);
    const pid_t pid = run("exit 3");
    wait_until_ended(pid);
    std::uint32_t status = 0;
    b.children.watch(pid, [&](process_exit end) { status = end.status; });
    b.start();
    co_await b.end();
    EXPECT_EQ(status, 3U);
  });
}

TEST(Reaper, AnOrphanIsAdoptedAndReaped) {
  fixture_test<bench>([](bench& b) -> awaitable<void> {
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
    EXPECT_EQ(::kill(orphan, 0), -1) << "no zombie is left";
  });
}

TEST(Reaper, AChildNobodyWatchesIsReapedAndForgotten) {
  fixture_test<bench>([](bench& b) -> awaitable<void> {
    b.start();
    const pid_t unknown = run("exit 0");
    wait_until_ended(unknown);
    // Everything that had ended is reaped when this one is.
    co_await b.children.wait(run("exit 0"));
    EXPECT_EQ(::kill(unknown, 0), -1);
    bool told = false;
    b.children.watch(unknown, [&](process_exit) { told = true; });
    EXPECT_FALSE(told) << "the pid may be another process's by now";
  });
}

TEST(Reaper, AnExpectedExitWaitsForItsWatcher) {
  fixture_test<bench>([](bench& b) -> awaitable<void> {
    b.start();
    const pid_t early = run("exit 9");
    {
      const reaper::expectation expected(b.children);
      wait_until_ended(early);
      co_await b.children.wait(run("exit 0"));
      int told = 0;
      b.children.watch(early, [&](process_exit end) {
        EXPECT_EQ(end.status, 9U);
        ++told;
      });
      EXPECT_EQ(told, 1) << "from within the call, once";
    }
  });
}

TEST(Reaper, AnExpectationThatEndedKeepsNothingButTheOthersDo) {
  fixture_test<bench>([](bench& b) -> awaitable<void> {
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
    b.children.watch(first, [&](process_exit) { ++told; });
    EXPECT_EQ(told, 1);
    outer.reset();
    b.children.watch(second, [&](process_exit) { ++told; });
    EXPECT_EQ(told, 1);
  });
}

TEST(Reaper, ManyThatEndAtOnceAreAllTold) {
  fixture_test<bench>([](bench& b) -> awaitable<void> {
    std::set<std::uint32_t> told;
    flow::event changed(b.executor);
    for (std::uint32_t n = 0; n < 50; ++n) {
      const pid_t pid = run("exit " + std::to_string(n));
      b.children.watch(pid, [&](process_exit end) {
        told.insert(end.status);
        changed.notify_all();
      });
      // Their signals have become one.
      wait_until_ended(pid);
    }
    b.start();
    const auto all_told = [&] { return told.size() == 50; };
    co_await changed.wait(all_told);
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
    b.children.watch(run("exit 0"), [&](process_exit) { b.children.stop(); });
    co_await b.tasks.join();
  });
}

TEST(Reaper, AHandlerMayWatchAnother) {
  fixture_test<bench>([](bench& b) -> awaitable<void> {
    b.start();
    flow::event done(b.executor);
    bool told = false;
    b.children.watch(run("exit 0"), [&](process_exit) {
      b.children.watch(run("exit 0"), [&](process_exit) {
        told = true;
        done.notify_all();
      });
    });
    const auto both_told = [&] { return told; };
    co_await done.wait(both_told);
  });
}
