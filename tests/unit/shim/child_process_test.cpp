#include "shim/support/child_process.hpp"

#include <gtest/gtest.h>

#include <csignal>

#include "flow/task_group.hpp"
#include "tests/support/co_test.hpp"

using flow::awaitable;
using shim::child_process;
using tests::co_test;

namespace {

std::unique_ptr<child_process> start(boost::asio::any_io_executor executor,
                                     const std::string& script) {
  flow::command c;
  c.argv = {"/bin/sh", "-c", script};
  auto started = child_process::start(executor, c);
  EXPECT_TRUE(started) << started.error().message();
  return std::move(started.value());
}

}  // namespace

TEST(ChildProcess, ExitIsToldWithItsStatus) {
  co_test([](auto executor) -> awaitable<void> {
    const auto child = start(executor, "exit 3");
    EXPECT_FALSE(child->ended());
    co_await child->wait();
    EXPECT_TRUE(child->ended());
    EXPECT_EQ(child->end_text(), "sh exited with status 3");
    EXPECT_EQ(::kill(child->pid(), 0), -1) << "it is reaped";
    co_await child->wait();
  });
}

TEST(ChildProcess, DeathByASignalIsToldAsSuch) {
  co_test([](auto executor) -> awaitable<void> {
    const auto child = start(executor, "exec sleep 1000");
    child->kill();
    co_await child->wait();
    EXPECT_EQ(child->end_text(), "sh was killed by signal 9");
    child->kill();
  });
}

TEST(ChildProcess, SeveralMayWait) {
  co_test([](auto executor) -> awaitable<void> {
    const auto child = start(executor, "exec sleep 1000");
    flow::task_group tasks(executor, [](const std::string&, const std::exception_ptr&) {});
    tasks.spawn("one", child->wait());
    tasks.spawn("two", child->wait());
    child->kill();
    co_await tasks.join();
    EXPECT_TRUE(child->ended());
  });
}

TEST(ChildProcess, GoesWithItsOwner) {
  co_test([](auto executor) -> awaitable<void> {
    pid_t pid = 0;
    {
      const auto child = start(executor, "exec sleep 1000");
      pid = child->pid();
      EXPECT_EQ(::kill(pid, 0), 0);
    }
    EXPECT_EQ(::kill(pid, 0), -1);
    EXPECT_EQ(errno, ESRCH);
    co_return;
  });
}

TEST(ChildProcess, LeadsASessionOfItsOwn) {
  co_test([](auto executor) -> awaitable<void> {
    const auto child = start(executor, "exec sleep 1000");
    EXPECT_EQ(::getsid(child->pid()), child->pid());
    co_return;
  });
}

TEST(ChildProcess, ProgramThatDoesNotExistIsAnError) {
  co_test([](auto executor) -> awaitable<void> {
    flow::command c;
    c.argv = {"/nowhere/qemu"};
    const auto started = child_process::start(executor, c);
    EXPECT_FALSE(started);
    EXPECT_NE(started.error().message().find("/nowhere/qemu"), std::string::npos);
    co_return;
  });
}
