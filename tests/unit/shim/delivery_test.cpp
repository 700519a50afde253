#include "shim/io/delivery.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include "flow/testing/memory_transport.hpp"
#include "tests/support/co_test.hpp"
#include "tests/support/settle.hpp"

using flow::awaitable;
using flow::errc;
using flow::result;
using namespace std::chrono_literals;
using shim::delivery;
using shim::delivery_limits;
using tests::co_test;
using tests::settle;

namespace {

// A client at a pipe that takes `room` bytes before somebody reads.
class pipe_double final : public shim::sink {
 public:
  explicit pipe_double(boost::asio::any_io_executor executor) : changed_(executor) {}

  awaitable<result<std::size_t>> write_some(flow::asio::const_buffer data) override {
    while (!closed && !failure && unread_.size() >= room) {
      co_await changed_.wait();
    }
    if (closed) {
      co_return flow::error(errc::aborted);
    }
    if (failure) {
      co_return flow::error(failure);
    }
    const auto n = std::min(data.size(), room - unread_.size());
    unread_.append(static_cast<const char*>(data.data()), n);
    co_return n;
  }
  std::uint64_t unread() override { return unread_.size(); }
  bool has_reader() override { return reader; }
  bool broken() override { return !reader && of_one_program; }
  void close() override {
    closed = true;
    changed_.notify_all();
  }

  void read(std::size_t n = std::string::npos) {
    n = std::min(n, unread_.size());
    got += unread_.substr(0, n);
    unread_.erase(0, n);
    changed_.notify_all();
  }
  void fail(flow::error_code ec) {
    failure = ec;
    changed_.notify_all();
  }

  std::size_t room = 65536;
  bool reader = true;
  bool of_one_program = false;  // whose end is the end of all readers
  bool closed = false;
  flow::error_code failure;
  std::string got;

 private:
  std::string unread_;
  flow::event changed_;
};

// A delivery between a guest's stream and a client, both in our hands.
struct bench {
  explicit bench(boost::asio::any_io_executor executor)
      : log(STDERR_FILENO, flow::log::level::error),
        link(executor),
        guest(link.first()),
        stream(link.second()),
        delivered(executor, "test stdout", make_sink(executor), limits, log) {}

  std::unique_ptr<shim::sink> make_sink(const boost::asio::any_io_executor& executor) {
    auto made = std::make_unique<pipe_double>(executor);
    client = made.get();
    return made;
  }

  awaitable<void> guest_writes(std::string text) {
    const auto written = co_await guest.write(flow::asio::buffer(text));
    EXPECT_TRUE(written) << written.error().message();
  }

  // As the agent ends a stream: no more, then it waits for our Close.
  awaitable<void> guest_ends() {
    const auto ended = co_await guest.shutdown_write();
    EXPECT_TRUE(ended);
    co_await guest.wait_peer_closed();
    const auto closed = co_await guest.close(10s);
    EXPECT_TRUE(closed.acknowledged);
  }

  flow::log log;
  delivery_limits limits{.stalled_after = 1h, .spool = 1 << 20, .linger = 10h};
  flow::testing::memory_link link;
  flow::stream guest;
  flow::stream stream;
  pipe_double* client = nullptr;  // the delivery's
  delivery delivered;
};

awaitable<void> set_when(awaitable<void> done, bool& flag) {
  co_await std::move(done);
  flag = true;
}

std::string pattern(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) {
    text[i] = static_cast<char>((i * 7 + 13) % 251);
  }
  return text;
}

void fail_test(const std::string& name, const std::exception_ptr& failure) {
  ADD_FAILURE() << name << ": " << flow::describe(failure);
}

}  // namespace

TEST(Delivery, BringsEveryByteAndClosesTheSinkByItself) {
  co_test([](auto executor) -> awaitable<void> {
    bench b(executor);
    flow::task_group tasks(executor, fail_test);
    b.delivered.start(b.stream);
    tasks.spawn("guest", b.guest_writes("hello"));
    co_await tasks.join();
    tasks.spawn("guest ends", b.guest_ends());
    co_await settle(executor);
    EXPECT_FALSE(b.client->closed) << "the client has not read yet";
    b.client->read();
    co_await b.delivered.join();
    EXPECT_TRUE(b.client->closed);
    EXPECT_EQ(b.client->got, "hello");
    EXPECT_TRUE(b.delivered.delivered());
    EXPECT_EQ(b.delivered.lost(), 0U);
    co_await tasks.join();
  });
}

TEST(Delivery, StalledReaderStopsTheGuestWhileTheProcessRuns) {
  co_test([](auto executor) -> awaitable<void> {
    bench b(executor);
    b.link.to_second().capacity = 65536;
    b.client->room = 1000;
    flow::task_group tasks(executor, fail_test);
    b.delivered.start(b.stream);
    bool written = false;
    tasks.spawn("guest", set_when(b.guest_writes(std::string(1 << 20, 'x')), written));
    co_await settle(executor);
    EXPECT_FALSE(written) << "a reader that takes nothing must be felt";
    EXPECT_LT(b.delivered.received(), 300000U);
    while (!written) {
      b.client->read();
      co_await settle(executor);
    }
    tasks.spawn("guest ends", b.guest_ends());
    while (!b.delivered.delivered()) {
      b.client->read();
      co_await flow::event(executor).wait_for(1ms);
    }
    co_await b.delivered.join();
    co_await tasks.join();
    EXPECT_EQ(b.client->got.size(), 1U << 20U);
  });
}

TEST(Delivery, ExitIsSafeOnceTheClientHasReadUpToIt) {
  co_test([](auto executor) -> awaitable<void> {
    bench b(executor);
    flow::task_group tasks(executor, fail_test);
    b.delivered.start(b.stream);
    co_await b.guest_writes("before the exit");
    bool safe = false;
    tasks.spawn("exit", set_when(b.delivered.wait_safe(15), safe));
    co_await settle(executor);
    EXPECT_FALSE(safe) << "written to the FIFO is not read";
    b.client->read(14);
    co_await settle(executor);
    EXPECT_FALSE(safe);
    b.client->read(1);
    co_await tasks.join();
    EXPECT_TRUE(safe);
    EXPECT_FALSE(b.client->closed) << "a background child may write on";
    b.delivered.abandon("test is over");
    b.stream.abort();
    co_await b.delivered.join();
  });
}

TEST(Delivery, ExitWaitsForBytesThatAreStillOnTheirWay) {
  co_test([](auto executor) -> awaitable<void> {
    bench b(executor);
    flow::task_group tasks(executor, fail_test);
    b.delivered.start(b.stream);
    bool safe = false;
    // The exit overtakes the last bytes.
    tasks.spawn("exit", set_when(b.delivered.wait_safe(5), safe));
    co_await settle(executor);
    EXPECT_FALSE(safe);
    co_await b.guest_writes("bytes");
    co_await settle(executor);
    b.client->read();
    co_await tasks.join();
    EXPECT_EQ(b.client->got, "bytes");
    b.delivered.abandon("test is over");
    b.stream.abort();
    co_await b.delivered.join();
  });
}

TEST(Delivery, ReaderThatNeverBeganToReadHoldsTheExitOnlyUntilAllIsInTheSpool) {
  co_test([](auto executor) -> awaitable<void> {
    bench b(executor);
    b.limits.stalled_after = 0ms;
    b.client->room = 100;
    const auto data = pattern(300000);
    flow::task_group tasks(executor, fail_test);
    b.delivered.start(b.stream);
    tasks.spawn("guest", b.guest_writes(data));
    tasks.spawn("guest ends", b.guest_ends());
    co_await b.delivered.wait_safe(data.size());
    EXPECT_EQ(b.delivered.received(), data.size());
    EXPECT_FALSE(b.delivered.delivered());
    // Later, however much later, it reads it all.
    while (!b.delivered.delivered()) {
      b.client->read();
      co_await settle(executor);
      if (b.client->unread() == 0) {
        co_await flow::event(executor).wait_for(1ms);
      }
    }
    co_await b.delivered.join();
    co_await tasks.join();
    EXPECT_EQ(b.client->got, data);
    EXPECT_EQ(b.delivered.lost(), 0U);
  });
}

TEST(Delivery, ReaderThatHasStalledAfterItBeganHoldsTheExit) {
  co_test([](auto executor) -> awaitable<void> {
    bench b(executor);
    b.limits.stalled_after = 0ms;
    flow::task_group tasks(executor, fail_test);
    b.delivered.start(b.stream);
    co_await b.guest_writes("first");
    co_await settle(executor);
    b.client->read();
    co_await b.guest_writes("second");
    bool safe = false;
    tasks.spawn("exit", set_when(b.delivered.wait_safe(11), safe));
    co_await flow::event(executor).wait_for(20ms);
    EXPECT_FALSE(safe) << "such a client closes its end on hearing of the exit";
    b.client->read();
    co_await tasks.join();
    EXPECT_TRUE(safe);
    b.delivered.abandon("test is over");
    b.stream.abort();
    co_await b.delivered.join();
  });
}

TEST(Delivery, ForcedEndDoesNotWaitForAGuestThatDoesNotSendWhatItAnnounced) {
  co_test([](auto executor) -> awaitable<void> {
    bench b(executor);
    b.limits.silent_guest = 1ms;
    b.delivered.start(b.stream);
    co_await b.guest_writes("five!");
    co_await settle(executor);
    b.client->read();
    b.delivered.expedite();
    co_await b.delivered.wait_safe(1000);
    EXPECT_EQ(b.delivered.lost(), 995U) << "never in silence";
    b.delivered.abandon("test is over");
    b.stream.abort();
    co_await b.delivered.join();
  });
}

TEST(Delivery, ForcedEndTakesWhatIsOnTheWayAlsoBeyondTheSpoolsLimit) {
  co_test([](auto executor) -> awaitable<void> {
    bench b(executor);
    b.limits.stalled_after = 0ms;
    b.limits.spool = 1000;
    b.client->room = 10;
    flow::task_group tasks(executor, fail_test);
    b.delivered.start(b.stream);
    tasks.spawn("guest", b.guest_writes(pattern(300000)));
    co_await settle(executor);
    b.client->read(1);
    b.delivered.expedite();
    co_await b.delivered.wait_safe(300000);
    EXPECT_EQ(b.delivered.lost(), 0U);
    co_await tasks.join();
    tasks.spawn("guest ends", b.guest_ends());
    b.client->room = 1 << 20;
    while (!b.delivered.delivered()) {
      b.client->read();
      co_await flow::event(executor).wait_for(1ms);
    }
    EXPECT_EQ(b.client->got, pattern(300000));
    co_await b.delivered.join();
    co_await tasks.join();
  });
}

TEST(Delivery, ForcedEndDoesNotWaitForAReaderThatHasStalled) {
  co_test([](auto executor) -> awaitable<void> {
    bench b(executor);
    b.limits.stalled_after = 0ms;
    b.delivered.start(b.stream);
    co_await b.guest_writes("first");
    co_await settle(executor);
    b.client->read();
    co_await b.guest_writes("second");
    b.delivered.expedite();
    co_await b.delivered.wait_safe(11);
    EXPECT_EQ(b.delivered.lost(), 0U) << "it is held, not lost";
    b.client->read();
    EXPECT_EQ(b.client->got, "firstsecond");
    b.delivered.abandon("test is over");
    b.stream.abort();
    co_await b.delivered.join();
  });
}

TEST(Delivery, WithoutAReaderTheExitIsSafeAtOnceAndTheBytesWait) {
  co_test([](auto executor) -> awaitable<void> {
    bench b(executor);
    b.client->reader = false;
    const auto data = pattern(150000);
    flow::task_group tasks(executor, fail_test);
    b.delivered.start(b.stream);
    tasks.spawn("guest", b.guest_writes(data));
    co_await b.delivered.wait_safe(data.size());
    b.client->reader = true;
    while (b.client->got.size() < data.size()) {
      b.client->read();
      co_await settle(executor);
    }
    EXPECT_EQ(b.client->got, data);
    co_await tasks.join();
    b.delivered.abandon("test is over");
    b.stream.abort();
    co_await b.delivered.join();
  });
}

TEST(Delivery, SpoolThatIsFullHoldsTheExitAndLosesNothing) {
  co_test([](auto executor) -> awaitable<void> {
    bench b(executor);
    b.limits.stalled_after = 0ms;
    b.limits.spool = 100000;
    b.client->room = 10;
    const auto data = pattern(600000);
    flow::task_group tasks(executor, fail_test);
    b.delivered.start(b.stream);
    tasks.spawn("guest", b.guest_writes(data));
    bool safe = false;
    tasks.spawn("exit", set_when(b.delivered.wait_safe(data.size()), safe));
    co_await flow::event(executor).wait_for(20ms);
    EXPECT_FALSE(safe);
    EXPECT_LT(b.delivered.received(), 100000U + 2 * 65536U);
    b.client->room = 65536;
    while (b.client->got.size() < data.size()) {
      b.client->read();
      co_await settle(executor);
    }
    co_await tasks.join();
    EXPECT_EQ(b.client->got, data);
    b.delivered.abandon("test is over");
    b.stream.abort();
    co_await b.delivered.join();
  });
}

TEST(Delivery, StreamThatEndsEarlyIsCountedAsLost) {
  co_test([](auto executor) -> awaitable<void> {
    bench b(executor);
    b.delivered.start(b.stream);
    co_await b.guest_writes("only this");
    co_await settle(executor);
    b.client->read();
    b.link.reset();
    co_await b.delivered.wait_safe(100);
    EXPECT_EQ(b.delivered.lost(), 91U);
    EXPECT_TRUE(b.delivered.truncated());
    EXPECT_EQ(b.client->got, "only this");
    co_await b.delivered.join();
  });
}

TEST(Delivery, MachineThatIsLostDeliversWhatItHadSent) {
  co_test([](auto executor) -> awaitable<void> {
    bench b(executor);
    flow::task_group tasks(executor, fail_test);
    b.delivered.start(b.stream);
    co_await b.guest_writes("the last words");
    b.guest.abort();
    bool safe = false;
    tasks.spawn("exit", set_when(b.delivered.wait_safe_to_end(), safe));
    co_await settle(executor);
    EXPECT_FALSE(safe);
    b.client->read();
    co_await tasks.join();
    EXPECT_TRUE(b.delivered.truncated());
    EXPECT_EQ(b.client->got, "the last words");
    co_await b.delivered.join();
  });
}

TEST(Delivery, SinkThatFailsKeepsTheProcessRunning) {
  co_test([](auto executor) -> awaitable<void> {
    bench b(executor);
    b.link.to_second().capacity = 65536;
    flow::task_group tasks(executor, fail_test);
    b.delivered.start(b.stream);
    b.client->fail(flow::error_code(ENOSPC, boost::system::system_category()));
    co_await b.guest_writes(std::string(1 << 20, 'x'));
    tasks.spawn("guest ends", b.guest_ends());
    co_await b.delivered.wait_safe(1 << 20);
    co_await b.delivered.join();
    co_await tasks.join();
    EXPECT_EQ(b.delivered.lost(), 1U << 20U) << "dropped, and counted";
  });
}

TEST(Delivery, LingersUntilTheReaderHasAll) {
  co_test([](auto executor) -> awaitable<void> {
    bench b(executor);
    const auto data = pattern(200000);
    flow::task_group tasks(executor, fail_test);
    b.delivered.start(b.stream);
    b.delivered.take_all();
    co_await b.guest_writes(data);
    tasks.spawn("guest ends", b.guest_ends());
    co_await b.delivered.wait_received();
    bool over = false;
    tasks.spawn("linger", set_when(b.delivered.linger(), over));
    while (!over) {
      co_await flow::event(executor).wait_for(1ms);
      b.client->read(50000);
    }
    co_await tasks.join();
    co_await b.delivered.join();
    EXPECT_EQ(b.client->got, data);
    EXPECT_EQ(b.delivered.lost(), 0U);
  });
}

TEST(Delivery, LingeringEndsWithTheLastReaderAndCountsWhatItHadNotRead) {
  co_test([](auto executor) -> awaitable<void> {
    bench b(executor);
    flow::task_group tasks(executor, fail_test);
    b.delivered.start(b.stream);
    b.delivered.take_all();
    co_await b.guest_writes(pattern(200000));
    tasks.spawn("guest ends", b.guest_ends());
    co_await b.delivered.wait_received();
    co_await settle(executor);
    b.client->read(60000);
    b.client->reader = false;
    co_await b.delivered.linger();
    co_await b.delivered.join();
    co_await tasks.join();
    EXPECT_EQ(b.client->got.size(), 60000U);
    EXPECT_EQ(b.delivered.lost(), 140000U);
    EXPECT_TRUE(b.client->closed);
  });
}

TEST(Delivery, LingeringEndsWhenNothingMovesForTooLong) {
  co_test([](auto executor) -> awaitable<void> {
    bench b(executor);
    b.limits.linger = 0s;
    flow::task_group tasks(executor, fail_test);
    b.delivered.start(b.stream);
    co_await b.guest_writes("never read");
    tasks.spawn("guest ends", b.guest_ends());
    co_await b.delivered.wait_received();
    co_await settle(executor);
    co_await b.delivered.linger();
    co_await b.delivered.join();
    co_await tasks.join();
    EXPECT_EQ(b.delivered.lost(), 10U);
  });
}

TEST(Delivery, WithoutAStreamThereIsNothingToWaitFor) {
  co_test([](auto executor) -> awaitable<void> {
    bench b(executor);
    b.delivered.start_without_stream();
    co_await b.delivered.wait_safe(0);
    co_await b.delivered.join();
    EXPECT_TRUE(b.client->closed);
  });
}

TEST(Delivery, ReaderThatDiesForGoodLosesWhatItHasNotReadAndThatIsCounted) {
  co_test([](auto executor) -> awaitable<void> {
    bench b(executor);
    b.client->of_one_program = true;
    flow::task_group tasks(executor, fail_test);
    b.delivered.start(b.stream);
    co_await b.guest_writes("read, unread");
    co_await settle(executor);
    b.client->read(4);
    b.client->reader = false;
    co_await b.delivered.wait_safe(12);
    EXPECT_FALSE(b.delivered.delivered()) << "more may come";
    tasks.spawn("guest ends", b.guest_ends());
    co_await b.delivered.join();
    EXPECT_EQ(b.delivered.lost(), 8U);
    EXPECT_TRUE(b.delivered.delivered());
    co_await tasks.join();
  });
}
