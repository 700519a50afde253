#include "shim/io/logger.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <optional>

#include "flow/system/file.hpp"
#include "flow/testing/manual_clock.hpp"
#include "tests/support/captured_log.hpp"
#include "tests/support/co_test.hpp"
#include "tests/support/settle.hpp"
#include "tests/support/temporary_directory.hpp"

using flow::awaitable;
using flow::errc;
using namespace std::chrono_literals;
using shim::logger;
using tests::co_test;
using tests::settle;

namespace {

// A logger in a directory of its own; see tests/logger/main.cpp for what it can be told.
struct logger_bench {
  explicit logger_bench(boost::asio::any_io_executor ex) : executor(ex) {
    ::signal(SIGPIPE, SIG_IGN);
  }

  std::string uri(const std::string& mode, const std::string& scheme = "binary") const {
    return scheme + "://" HVSOCK_TEST_LOGGER "?out=" + (directory / "log") + "&mode=" + mode;
  }

  flow::result<std::unique_ptr<logger>> start(const std::string& text) {
    return logger::start(executor, shim::parse_stdio_uri(text), {"c1", "k8s.io"}, limits, log.to);
  }

  std::string file(const std::string& name) const {
    const auto text = flow::read_file(directory / "log." + name);
    return text ? text.value() : "none";
  }

  boost::asio::any_io_executor executor;
  tests::temporary_directory directory;
  shim::logger_limits limits;
  tests::captured_log log;
};

awaitable<void> write_all(shim::sink& to, std::string text) {
  for (std::size_t done = 0; done < text.size();) {
    const auto n =
        co_await to.write_some(flow::asio::buffer(text.data() + done, text.size() - done));
    EXPECT_TRUE(n) << n.error().message();
    if (!n) {
      co_return;
    }
    done += n.value();
  }
}

awaitable<void> wait_read(const boost::asio::any_io_executor& executor, shim::sink& s) {
  while (s.unread() != 0) {
    co_await settle(executor);
  }
}

awaitable<void> keep_ready(logger& one, std::optional<flow::result<void>>& to) {
  auto ready = co_await one.wait_ready();
  to = std::move(ready);
}

void fail_test(const std::string& name, const std::exception_ptr& failure) {
  ADD_FAILURE() << name << ": " << flow::describe(failure);
}

}  // namespace

TEST(Logger, GetsItsArgumentsInOrderAndNoEnvironmentButTheContainers) {
  co_test([](auto executor) -> awaitable<void> {
    logger_bench b(executor);
    const auto one = b.start(b.uri("") + "&a+b=c%26d&last");
    const auto ready = co_await one.value()->wait_ready();
    EXPECT_TRUE(ready);
    one.value()->close_untaken();
    co_await one.value()->join();
    EXPECT_EQ(b.file("start"), std::string(HVSOCK_TEST_LOGGER) + "\nout\n" + (b.directory / "log") +
                                   "\nmode\n\na b\nc&d\nlast\n\n" +
                                   "CONTAINER_ID=c1\nCONTAINER_NAMESPACE=k8s.io\n");
  });
}

TEST(Logger, ReadsBothStreamsToTheirEndsAndEndsByItself) {
  co_test([](auto executor) -> awaitable<void> {
    logger_bench b(executor);
    // SIGTERM would cost it what it has not read: it is far away.
    const auto one = b.start(b.uri("slow"));
    const auto out = one.value()->take_stdout();
    const auto err = one.value()->take_stderr();
    co_await write_all(*out, std::string(300000, 'o'));
    co_await write_all(*err, std::string(70000, 'e'));
    out->close();
    err->close();
    co_await one.value()->join();
    EXPECT_EQ(b.file("out"), std::string(300000, 'o'));
    EXPECT_EQ(b.file("err"), std::string(70000, 'e'));
  });
}

TEST(Logger, UnreadBytesAreKnown) {
  co_test([](auto executor) -> awaitable<void> {
    logger_bench b(executor);
    const auto one = b.start(b.uri("stalled"));
    const auto out = one.value()->take_stdout();
    co_await write_all(*out, "not read");
    const auto ready = co_await one.value()->wait_ready();
    EXPECT_TRUE(ready);
    EXPECT_EQ(out->unread(), 8U);
    EXPECT_TRUE(out->has_reader());
    EXPECT_FALSE(out->broken());
    EXPECT_TRUE(flow::write_file(b.directory / "log.go", ""));
    co_await wait_read(executor, *out);
    out->close();
    one.value()->close_untaken();
    co_await one.value()->join();
    EXPECT_EQ(b.file("out"), "not read");
  });
}

TEST(Logger, DeadOneBreaksItsPipe) {
  co_test([](auto executor) -> awaitable<void> {
    logger_bench b(executor);
    const auto one = b.start(b.uri("dies"));
    const auto out = one.value()->take_stdout();
    co_await write_all(*out, "last words");
    const bool ended = co_await one.value()->wait_ended(60s);
    EXPECT_TRUE(ended);
    EXPECT_TRUE(out->broken());
    const auto n = co_await out->write_some(flow::asio::buffer("x", 1));
    EXPECT_EQ(n.error().code(), flow::error_code(EPIPE, boost::system::system_category()));
    EXPECT_EQ(b.file("out"), "last words");
    co_await one.value()->join();
  });
}

TEST(Logger, SilentOneIsReadyUnlessItMustSaySo) {
  co_test([](auto executor) -> awaitable<void> {
    logger_bench b(executor);
    const auto old = b.start(b.uri("silent"));
    const auto ready = co_await old.value()->wait_ready();
    EXPECT_TRUE(ready) << ready.error().message();
    old.value()->close_untaken();
    co_await old.value()->join();
    const auto strict = b.start(b.uri("silent", "binary-v2"));
    const auto not_ready = co_await strict.value()->wait_ready();
    EXPECT_FALSE(not_ready);
    EXPECT_NE(not_ready.error().message().find("did not signal readiness"), std::string::npos);
    strict.value()->give_up();
    strict.value()->close_untaken();
    co_await strict.value()->join();
  });
}

TEST(Logger, OneThatNeverSaysAnythingIsGivenUp) {
  co_test([](auto executor) -> awaitable<void> {
    flow::testing::manual_clock time(executor);
    logger_bench b(executor);
    const auto one = b.start(b.uri("mute"));
    std::optional<flow::result<void>> ready;
    flow::task_group tasks(executor, fail_test);
    tasks.spawn("ready", keep_ready(*one.value(), ready));
    co_await settle(executor);
    time.advance(b.limits.ready - 1ms);
    co_await settle(executor);
    EXPECT_FALSE(ready.has_value());
    time.advance(1ms);
    co_await tasks.join();
    EXPECT_EQ(ready->error().code(), flow::error_code(errc::timed_out));
    one.value()->give_up();
    const bool ended = co_await one.value()->wait_ended(60s);
    EXPECT_TRUE(ended) << "killed";
    co_await one.value()->join();
  });
}

TEST(Logger, OneThatNeverEndsIsKilledAtLast) {
  co_test([](auto executor) -> awaitable<void> {
    flow::testing::manual_clock time(executor);
    logger_bench b(executor);
    const auto one = b.start(b.uri("stubborn"));
    const auto out = one.value()->take_stdout();
    const auto ready = co_await one.value()->wait_ready();
    EXPECT_TRUE(ready);
    co_await write_all(*out, "all of it");
    co_await wait_read(executor, *out);
    out->close();
    one.value()->close_untaken();
    flow::task_group tasks(executor, fail_test);
    tasks.spawn("join", one.value()->join());
    co_await settle(executor);
    time.advance(b.limits.end - 1ms);
    co_await settle(executor);
    EXPECT_EQ(b.log.text(), "") << "it may take its time";
    time.advance(1ms);
    co_await settle(executor);
    EXPECT_EQ(b.log.count("sending SIGTERM"), 1U) << b.log.text();
    time.advance(b.limits.terminate - 1ms);
    co_await settle(executor);
    EXPECT_EQ(b.log.count("sending SIGKILL"), 0U) << b.log.text();
    time.advance(1ms);
    co_await tasks.join();
    EXPECT_EQ(b.log.count("sending SIGKILL"), 1U) << b.log.text();
    EXPECT_EQ(b.file("out"), "all of it");
  });
}

TEST(Logger, ThatCannotBeStartedIsNamed) {
  co_test([](auto executor) -> awaitable<void> {
    logger_bench b(executor);
    const auto missing = b.start("binary:///nonexistent/logger?x=y");
    EXPECT_EQ(missing.error().code(), flow::error_code(ENOENT, boost::system::system_category()));
    EXPECT_NE(missing.error().message().find("/nonexistent/logger"), std::string::npos);
    const auto relative = b.start("binary://logger");
    EXPECT_EQ(relative.error().code(), flow::error_code(errc::invalid_argument));
    co_return;
  });
}
