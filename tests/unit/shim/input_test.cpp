#include "shim/io/input.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <csignal>
#include <cstring>

#include "flow/testing/memory_transport.hpp"
#include "shim/io/fifo.hpp"
#include "tests/support/co_test.hpp"
#include "tests/support/settle.hpp"
#include "tests/support/temporary_directory.hpp"

using flow::awaitable;
using flow::unique_fd;
using namespace std::chrono_literals;
using tests::co_test;
using tests::settle;

namespace {

// A client's FIFO at one end, the process at the other.
struct input_bench {
  explicit input_bench(boost::asio::any_io_executor executor)
      : path(directory / "fifo"),
        log(-1),
        link(executor),
        process(link.first()),
        stream(link.second()),
        moved(executor, open(executor), log) {}

  std::unique_ptr<shim::source> open(const boost::asio::any_io_executor& executor) const {
    EXPECT_EQ(::mkfifo(path.c_str(), 0600), 0);
    auto source = shim::fifo_source::open(executor, path);
    EXPECT_TRUE(source);
    return std::make_unique<shim::fifo_source>(std::move(source.value()));
  }

  unique_fd client() const {
    return unique_fd(::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC));
  }
  void type(const std::string& text) const {
    const auto fd = client();
    EXPECT_EQ(::write(fd.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }

  // What the process reads up to the end of its input.
  awaitable<std::string> read_all() {
    std::string all;
    std::string buffer(4096, '\0');
    for (;;) {
      const auto n = co_await process.read_some(flow::asio::buffer(buffer));
      if (!n) {
        EXPECT_EQ(n.error().code(), flow::error_code(boost::asio::error::eof));
        co_return all;
      }
      all.append(buffer, 0, n.value());
    }
  }

  tests::temporary_directory directory;
  std::string path;
  flow::log log;
  flow::testing::memory_link link;
  flow::stream process;
  flow::stream stream;
  shim::input moved;
};

}  // namespace

TEST(Input, BytesOfEveryClientReachTheProcessInOrderAndEndWithCloseIo) {
  co_test([](auto executor) -> awaitable<void> {
    input_bench b(executor);
    b.type("typed before the start, ");
    b.moved.start(b.stream);
    co_await settle(executor);
    b.type("by one, ");
    co_await settle(executor);
    b.type("by another");
    b.moved.close_io();
    b.moved.close_io();
    const auto got = co_await b.read_all();
    EXPECT_EQ(got, "typed before the start, by one, by another");
    co_await b.moved.join();
  });
}

TEST(Input, CloseIoBeforeTheStartDropsNothing) {
  co_test([](auto executor) -> awaitable<void> {
    input_bench b(executor);
    b.type("all there is");
    b.moved.close_io();
    b.moved.start(b.stream);
    const auto got = co_await b.read_all();
    EXPECT_EQ(got, "all there is");
    co_await b.moved.join();
  });
}

TEST(Input, ProcessThatClosedItsStdinIsFeltByTheClient) {
  co_test([](auto executor) -> awaitable<void> {
    input_bench b(executor);
    b.moved.start(b.stream);
    const auto client = b.client();
    static_cast<void>(co_await b.process.shutdown_read());
    co_await settle(executor);
    EXPECT_EQ(::write(client.get(), "into the void", 13), 13);
    co_await b.moved.join();
    const auto before = ::signal(SIGPIPE, SIG_IGN);
    EXPECT_EQ(::write(client.get(), "x", 1), -1);
    EXPECT_EQ(errno, EPIPE);
    ::signal(SIGPIPE, before);
  });
}

TEST(Input, StopEndsItWhateverTheClientDoes) {
  co_test([](auto executor) -> awaitable<void> {
    input_bench b(executor);
    const auto client = b.client();
    b.moved.start(b.stream);
    co_await settle(executor);
    b.moved.stop();
    co_await b.moved.join();
    const auto got = co_await b.read_all();
    EXPECT_EQ(got, "");
  });
}
