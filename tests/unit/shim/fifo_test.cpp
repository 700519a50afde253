#include "shim/io/fifo.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <csignal>
#include <cstring>

#include "flow/system/file.hpp"
#include "flow/task_group.hpp"
#include "tests/support/co_test.hpp"
#include "tests/support/settle.hpp"
#include "tests/support/temporary_directory.hpp"

using flow::awaitable;
using flow::errc;
using flow::unique_fd;
using shim::fifo_sink;
using shim::fifo_source;
using shim::looked_up_file;
using tests::co_test;
using tests::settle;

namespace {

void fail_test(const std::string& name, const std::exception_ptr& failure) {
  ADD_FAILURE() << name << ": " << flow::describe(failure);
}

struct fifo_bench {
  explicit fifo_bench(boost::asio::any_io_executor ex) : executor(ex), path(directory / "fifo") {
    EXPECT_EQ(::mkfifo(path.c_str(), 0600), 0);
  }

  std::unique_ptr<shim::sink> sink() const {
    auto file = looked_up_file::find(path);
    EXPECT_TRUE(file);
    EXPECT_TRUE(file.value().is_fifo());
    auto opened = fifo_sink::open(executor, std::move(file.value()));
    EXPECT_TRUE(opened) << opened.error().message();
    return std::move(opened.value());
  }
  fifo_source source() const {
    auto opened = fifo_source::open(executor, path);
    EXPECT_TRUE(opened) << opened.error().message();
    return std::move(opened.value());
  }
  unique_fd reader() const {
    return unique_fd(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  }
  unique_fd writer() const {
    return unique_fd(::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC));
  }

  boost::asio::any_io_executor executor;
  tests::temporary_directory directory;
  std::string path;
};

// What is there now.
std::string take(const unique_fd& from) {
  std::string all;
  std::string buffer(65536, '\0');
  for (;;) {
    const auto n = ::read(from.get(), buffer.data(), buffer.size());
    if (n <= 0) {
      return all;
    }
    all.append(buffer, 0, static_cast<std::size_t>(n));
  }
}

// Whether every writer of the FIFO is gone.
bool at_end(const unique_fd& from) {
  char byte = 0;
  return ::read(from.get(), &byte, 1) == 0;
}

awaitable<void> write_all(shim::sink& to, std::string text) {
  std::size_t done = 0;
  while (done < text.size()) {
    const auto rest = flow::asio::buffer(text) + done;
    const auto n = co_await to.write_some(rest);
    EXPECT_TRUE(n) << n.error().message();
    if (!n) {
      break;
    }
    done += n.value();
  }
}

awaitable<void> keep_read(fifo_source& from, std::optional<flow::result<std::string>>& to) {
  std::string buffer(100, '\0');
  const auto n = co_await from.read_some(flow::asio::buffer(buffer));
  if (n) {
    to = buffer.substr(0, n.value());
  } else {
    to = n.error();
  }
}

flow::error_code end_of_file() {
  return boost::asio::error::eof;
}

}  // namespace

TEST(FifoSink, OpensWithoutAReaderAndKeepsWhatIsWrittenForOne) {
  co_test([](auto executor) -> awaitable<void> {
    const fifo_bench b(executor);
    const auto sink = b.sink();
    EXPECT_FALSE(sink->has_reader());
    co_await write_all(*sink, "early");
    EXPECT_EQ(sink->unread(), 5U);
    const auto client = b.reader();
    EXPECT_TRUE(sink->has_reader());
    EXPECT_EQ(take(client), "early");
    EXPECT_EQ(sink->unread(), 0U);
  });
}

TEST(FifoSink, ReaderThatGoesLeavesTheContentToTheNext) {
  co_test([](auto executor) -> awaitable<void> {
    const fifo_bench b(executor);
    const auto sink = b.sink();
    auto client = b.reader();
    co_await write_all(*sink, "one");
    client.reset();
    EXPECT_FALSE(sink->has_reader());
    EXPECT_EQ(sink->unread(), 3U) << "asking must not lose anything";
    // SIGPIPE, which nobody ignores here, would end the test.
    co_await write_all(*sink, "two");
    const auto next = b.reader();
    EXPECT_EQ(take(next), "onetwo");
  });
}

TEST(FifoSink, FullFifoWaitsUntilTheReaderTakesSomething) {
  co_test([](auto executor) -> awaitable<void> {
    const fifo_bench b(executor);
    const auto sink = b.sink();
    const auto client = b.reader();
    const std::string data(300000, 'x');
    flow::task_group tasks(executor, fail_test);
    tasks.spawn("write", write_all(*sink, data));
    std::string got;
    co_await settle(executor);
    EXPECT_EQ(tasks.size(), 1U) << "more than a FIFO holds";
    while (got.size() < data.size()) {
      got += take(client);
      co_await settle(executor);
    }
    co_await tasks.join();
    EXPECT_EQ(got, data);
  });
}

TEST(FifoSink, CloseEndsAWriteThatWaitsAndShowsTheReaderTheEnd) {
  co_test([](auto executor) -> awaitable<void> {
    const fifo_bench b(executor);
    const auto sink = b.sink();
    const auto client = b.reader();
    flow::error failure;
    flow::task_group tasks(executor, fail_test);
    tasks.spawn("write", [](shim::sink& to, flow::error& why) -> awaitable<void> {
      const std::string data(65536, 'x');
      for (;;) {
        const auto n = co_await to.write_some(flow::asio::buffer(data));
        if (!n) {
          why = n.error();
          break;
        }
      }
    }(*sink, failure));
    co_await settle(executor);
    EXPECT_EQ(tasks.size(), 1U);
    sink->close();
    co_await tasks.join();
    EXPECT_EQ(failure.code(), flow::error_code(errc::aborted));
    take(client);
    EXPECT_TRUE(at_end(client));
    EXPECT_FALSE(sink->has_reader());
    EXPECT_EQ(sink->unread(), 0U);
    const auto n = co_await sink->write_some(flow::asio::buffer("x", 1));
    EXPECT_EQ(n.error().code(), flow::error_code(errc::aborted));
  });
}

TEST(FifoSink, FifoThatWasReplacedAfterTheLookIsNotTheOneThatIsOpened) {
  co_test([](auto executor) -> awaitable<void> {
    const fifo_bench b(executor);
    auto file = looked_up_file::find(b.path);
    const auto client = b.reader();
    EXPECT_EQ(::unlink(b.path.c_str()), 0);
    EXPECT_TRUE(flow::write_file(b.path, "somebody's file"));
    auto sink = fifo_sink::open(executor, std::move(file.value()));
    co_await write_all(*sink.value(), "for the client");
    EXPECT_EQ(take(client), "for the client");
    EXPECT_EQ(flow::read_file(b.path).value(), "somebody's file");
  });
}

TEST(FifoSource, OnlyAFifoIsAcceptable) {
  co_test([](auto executor) -> awaitable<void> {
    const tests::temporary_directory directory;
    EXPECT_TRUE(flow::write_file(directory / "file", ""));
    const auto file = fifo_source::open(executor, directory / "file");
    EXPECT_EQ(file.error().code(), flow::error_code(errc::invalid_argument));
    const auto nothing = fifo_source::open(executor, directory / "nothing");
    EXPECT_EQ(nothing.error().code(), flow::error_code(ENOENT, boost::system::system_category()));
    co_return;
  });
}

TEST(FifoSource, ClientsMayComeAndGo) {
  co_test([](auto executor) -> awaitable<void> {
    const fifo_bench b(executor);
    auto source = b.source();
    flow::task_group tasks(executor, fail_test);
    for (const char* text : {"first", "second"}) {
      std::optional<flow::result<std::string>> got;
      tasks.spawn("read", keep_read(source, got));
      co_await settle(executor);
      EXPECT_FALSE(got) << "a client that went is not the end of input";
      {
        const auto client = b.writer();
        EXPECT_GT(::write(client.get(), text, std::strlen(text)), 0);
      }
      co_await tasks.join();
      EXPECT_EQ(got->value(), text);
    }
  });
}

TEST(FifoSource, InputEndsAfterCloseInputBehindWhatIsThere) {
  co_test([](auto executor) -> awaitable<void> {
    const fifo_bench b(executor);
    auto source = b.source();
    {
      const auto client = b.writer();
      EXPECT_EQ(::write(client.get(), "rest", 4), 4);
    }
    source.close_input();
    source.close_input();
    std::optional<flow::result<std::string>> got;
    co_await keep_read(source, got);
    EXPECT_EQ(got->value(), "rest");
    co_await keep_read(source, got);
    EXPECT_EQ(got->error().code(), end_of_file());
  });
}

TEST(FifoSource, ClientThatStillWritesKeepsTheInputOpenAfterCloseInput) {
  co_test([](auto executor) -> awaitable<void> {
    const fifo_bench b(executor);
    auto source = b.source();
    auto client = b.writer();
    flow::task_group tasks(executor, fail_test);
    std::optional<flow::result<std::string>> got;
    tasks.spawn("read", keep_read(source, got));
    source.close_input();
    co_await settle(executor);
    EXPECT_FALSE(got);
    // The end comes to one that already waits.
    client.reset();
    co_await tasks.join();
    EXPECT_EQ(got->error().code(), end_of_file());
  });
}

TEST(FifoSource, CloseInputEndsAReadThatAlreadyWaits) {
  co_test([](auto executor) -> awaitable<void> {
    const fifo_bench b(executor);
    auto source = b.source();
    flow::task_group tasks(executor, fail_test);
    std::optional<flow::result<std::string>> got;
    tasks.spawn("read", keep_read(source, got));
    co_await settle(executor);
    source.close_input();
    co_await tasks.join();
    EXPECT_EQ(got->error().code(), end_of_file());
  });
}

TEST(FifoSource, CloseEndsAReadThatWaitsAndLeavesTheClientWithoutAReader) {
  co_test([](auto executor) -> awaitable<void> {
    const fifo_bench b(executor);
    auto source = b.source();
    const auto client = b.writer();
    flow::task_group tasks(executor, fail_test);
    std::optional<flow::result<std::string>> got;
    tasks.spawn("read", keep_read(source, got));
    co_await settle(executor);
    source.close();
    co_await tasks.join();
    EXPECT_EQ(got->error().code(), flow::error_code(errc::aborted));
    const auto before = ::signal(SIGPIPE, SIG_IGN);
    EXPECT_EQ(::write(client.get(), "x", 1), -1);
    EXPECT_EQ(errno, EPIPE);
    ::signal(SIGPIPE, before);
  });
}
