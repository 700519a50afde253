#include "shim/vm/helpers/helper_process.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <boost/asio/post.hpp>
#include <csignal>

#include "flow/system/file.hpp"
#include "flow/testing/manual_clock.hpp"
#include "shim/config/limits.hpp"
#include "tests/support/co_test.hpp"
#include "tests/support/temporary_directory.hpp"

using flow::awaitable;
using flow::unique_fd;
using shim::helper_process;
using tests::co_test;

namespace {

struct helper_bench {
  explicit helper_bench(const boost::asio::any_io_executor& executor)
      : file(::open((directory / "log").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600)),
        log(file.get()),
        tasks(executor,
              [](const std::string& name, const std::exception_ptr& failure) {
                ADD_FAILURE() << name << ": " << flow::describe(failure);
              }),
        context{executor, tasks, log} {}

  std::unique_ptr<helper_process> start(const std::string& script) const {
    flow::command c;
    c.argv = {"/bin/sh", "-c", script};
    auto started = helper_process::start(context, c, "helper");
    EXPECT_TRUE(started) << started.error().message();
    return std::move(started.value());
  }

  std::string logged() const { return flow::read_file(directory / "log").value(); }

  tests::temporary_directory directory;
  unique_fd file;
  flow::log log;
  flow::task_group tasks;
  shim::helper_context context;
};

}  // namespace

TEST(HelperProcess, EndIsToldWithTheLastLinesOfItsErrors) {
  co_test([](auto executor) -> awaitable<void> {
    helper_bench b(executor);
    const auto helper = b.start("echo warning >&2; echo 'no such directory' >&2; exit 3");
    co_await helper->wait();
    EXPECT_EQ(helper->end_text(), "sh exited with status 3: warning; no such directory");
    EXPECT_EQ(helper->end_text("guest-panic"),
              "sh exited with status 3 (guest-panic): warning; no such directory");
    EXPECT_EQ(helper->error_tail(), "warning; no such directory");
    EXPECT_NE(b.logged().find("msg=output source=helper line=warning"), std::string::npos)
        << b.logged();
    co_await b.tasks.join();
  });
}

TEST(HelperProcess, EndWithoutErrorsIsToldAlone) {
  co_test([](auto executor) -> awaitable<void> {
    helper_bench b(executor);
    const auto helper = b.start("exec sleep 1000");
    helper->kill();
    co_await helper->wait();
    EXPECT_EQ(helper->end_text(), "sh was killed by signal 9");
    EXPECT_EQ(helper->error_tail(), "");
    co_await b.tasks.join();
  });
}

TEST(HelperProcess, ChildThatItLeavesBehindDelaysItsEndForALimitedTime) {
  co_test([](auto executor) -> awaitable<void> {
    flow::testing::manual_clock time(executor);
    helper_bench b(executor);
    const auto pid_file = b.directory / "pid";
    const auto helper = b.start("sleep 1000 & echo $! > " + pid_file + "; exit 1");
    flow::task_group waiting(executor, [](const std::string&, const std::exception_ptr&) {});
    waiting.spawn("wait", helper->wait());
    while (!time.awaited()) {
      co_await boost::asio::post(executor, boost::asio::use_awaitable);
    }
    EXPECT_EQ(waiting.size(), 1U) << "its stderr may still bring something";
    time.advance(shim::limits::last_output);
    co_await waiting.join();
    EXPECT_EQ(helper->end_text(), "sh exited with status 1");
    ::kill(std::stoi(flow::read_file(pid_file).value()), SIGKILL);
    co_await b.tasks.join();
  });
}

TEST(HelperProcess, ProgramThatIsMissingIsAnErrorAndLeavesNoTask) {
  co_test([](auto executor) -> awaitable<void> {
    const helper_bench b(executor);
    flow::command c;
    c.argv = {"/nonexistent/helper"};
    const auto started = helper_process::start(b.context, c, "helper");
    EXPECT_FALSE(started);
    EXPECT_NE(started.error().message().find("/nonexistent/helper"), std::string::npos);
    EXPECT_EQ(b.tasks.size(), 0U);
    co_return;
  });
}
