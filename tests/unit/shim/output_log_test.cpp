#include "shim/vm/output_log.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include "flow/system/file.hpp"
#include "flow/task_group.hpp"
#include "flow/testing/manual_clock.hpp"
#include "tests/support/co_test.hpp"
#include "tests/support/settle.hpp"
#include "tests/support/temporary_directory.hpp"

using flow::awaitable;
using flow::unique_fd;
using tests::co_test;
using tests::settle;

namespace {

std::array<int, 2> make_pair() {
  std::array<int, 2> ends{};
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
  return ends;
}

struct output_bench {
  explicit output_bench(const boost::asio::any_io_executor& executor,
                        std::array<int, 2> ends = make_pair())
      : file(::open((directory / "log").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600)),
        log(file.get()),
        guest(ends[0]),
        output(executor, unique_fd(ends[1]), "console", log),
        tasks(executor, [](const std::string& name, const std::exception_ptr& failure) {
          ADD_FAILURE() << name << ": " << flow::describe(failure);
        }) {
    tasks.spawn("run", output.run());
  }

  void say(const std::string& text) const {
    EXPECT_EQ(::write(guest.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }

  awaitable<void> end() {
    guest.reset();
    co_await tasks.join();
  }

  std::string logged() const { return flow::read_file(directory / "log").value(); }

  tests::temporary_directory directory;
  unique_fd file;
  flow::log log;
  unique_fd guest;
  shim::output_log output;
  flow::task_group tasks;
};

}  // namespace

TEST(OutputLog, EveryLineIsLoggedWithItsSource) {
  co_test([](auto executor) -> awaitable<void> {
    output_bench b(executor);
    b.say("one\r\n\ntw");
    co_await settle(executor);
    b.say("o\nthree without an end");
    co_await b.end();
    EXPECT_EQ(b.output.tail(), "one; two; three without an end");
    EXPECT_NE(b.logged().find("msg=output source=console line=one"), std::string::npos)
        << b.logged();
    EXPECT_NE(b.logged().find("three without an end"), std::string::npos);
  });
}

TEST(OutputLog, NothingSaidIsAnEmptyTail) {
  co_test([](auto executor) -> awaitable<void> {
    output_bench b(executor);
    co_await b.end();
    EXPECT_EQ(b.output.tail(), "");
  });
}

TEST(OutputLog, OnlyTheLastLinesAreKept) {
  co_test([](auto executor) -> awaitable<void> {
    output_bench b(executor);
    for (int i = 0; i < 100; ++i) {
      b.say("line " + std::to_string(i) + "\n");
    }
    co_await b.end();
    EXPECT_TRUE(b.output.tail().ends_with("line 98; line 99"));
    EXPECT_EQ(b.output.tail().find("line 80"), std::string::npos);
  });
}

TEST(OutputLog, LineWithoutAnEndIsCut) {
  co_test([](auto executor) -> awaitable<void> {
    output_bench b(executor);
    b.say(std::string(50000, 'x'));
    co_await settle(executor);
    b.say("\nnext\n");
    co_await b.end();
    EXPECT_LT(b.output.tail().size(), 1000U);
    EXPECT_TRUE(b.output.tail().ends_with("; next"));
    EXPECT_LT(b.logged().size(), 2000U);
  });
}

TEST(OutputLog, GuestCannotForgeALineOfTheLog) {
  co_test([](auto executor) -> awaitable<void> {
    output_bench b(executor);
    std::string hostile = "x\" level=error msg=\"forged\x1b[31m\rtime=";
    hostile += '\0';
    hostile += "\xff\xfe\n";
    b.say(hostile);
    co_await b.end();
    const auto text = b.logged();
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1);
    for (const char c : text) {
      EXPECT_TRUE(c == '\n' || (c >= ' ' && c <= '~')) << static_cast<int>(c);
    }
    EXPECT_EQ(text.find(" level=error"), text.find("\\\" level=error") + 2) << text;
  });
}

TEST(OutputLog, WaitSeesAWordBehindOtherLines) {
  co_test([](auto executor) -> awaitable<void> {
    output_bench b(executor);
    b.say("[Firmware Bug]: something\nhvsock-agent is up\n");
    const bool found = co_await b.output.wait_line("hvsock-agent");
    EXPECT_TRUE(found);
    co_await b.end();
  });
}

TEST(OutputLog, WaitEndsWhenNothingMoreCanBeSaid) {
  co_test([](auto executor) -> awaitable<void> {
    output_bench b(executor);
    b.say("something else\n");
    b.guest.reset();
    const bool found = co_await b.output.wait_line("hvsock-agent");
    EXPECT_FALSE(found);
    co_await b.end();
  });
}

TEST(OutputLog, EndIsReachedWhenEverythingHasBeenRead) {
  co_test([](auto executor) -> awaitable<void> {
    output_bench b(executor);
    b.say("the last line");
    b.guest.reset();
    co_await b.output.wait_end(std::chrono::hours(1));
    EXPECT_EQ(b.output.tail(), "the last line");
    co_await b.end();
  });
}

TEST(OutputLog, EndThatDoesNotComeIsWaitedForUntilTheLimit) {
  co_test([](auto executor) -> awaitable<void> {
    flow::testing::manual_clock time(executor);
    output_bench b(executor);
    flow::task_group tasks(executor, [](const std::string&, const std::exception_ptr&) {});
    tasks.spawn("wait", b.output.wait_end(std::chrono::seconds(5)));
    time.advance(std::chrono::seconds(4));
    co_await settle(executor);
    EXPECT_EQ(tasks.size(), 1U);
    time.advance(std::chrono::seconds(1));
    co_await tasks.join();
    co_await b.end();
  });
}

TEST(OutputLog, OpenedOneReadsWhatIsWrittenToItsOtherEnd) {
  co_test([](auto executor) -> awaitable<void> {
    flow::log log(-1);
    auto opened = shim::open_output_log(executor, "console", log);
    EXPECT_TRUE(opened);
    EXPECT_EQ(::write(opened.value().writer.get(), "word\n", 5), 5);
    opened.value().writer.reset();
    co_await opened.value().reader->run();
    EXPECT_EQ(opened.value().reader->tail(), "word");
  });
}
