// Copying between two duplexes, and proxying both ways.
#include "flow/copy.hpp"

#include <cstring>
#include <deque>

#include "tests/unit/flow/stream_fixture.hpp"

using namespace std::chrono_literals;
using namespace tests;
namespace asio = boost::asio;
using flow::copy_result;
using flow::duplex;
using flow::result;
using flow::side;

namespace {

// Reads the given pieces one by one, and keeps everything written.
class scripted final : public duplex {
 public:
  explicit scripted(asio::any_io_executor executor, std::deque<std::string> pieces = {})
      : executor_(std::move(executor)), pieces_(std::move(pieces)) {}

  asio::any_io_executor get_executor() override { return executor_; }
  awaitable<result<std::size_t>> read_some(asio::mutable_buffer buffer) override {
    if (pieces_.empty()) {
      co_return flow::error(read_end);
    }
    const auto n = asio::buffer_copy(buffer, asio::buffer(pieces_.front()));
    pieces_.pop_front();
    co_return n;
  }
  awaitable<result<void>> write(asio::const_buffer buffer) override {
    if (written.size() >= fails_after) {
      co_return flow::error(errc::reset);
    }
    written.append(static_cast<const char*>(buffer.data()), buffer.size());
    co_return result<void>();
  }
  awaitable<result<void>> shutdown_write() override {
    ++shutdowns;
    co_return result<void>();
  }
  awaitable<result<void>> shutdown_read() override {
    ++shutdowns;
    co_return result<void>();
  }
  bool write_open() const override { return true; }
  awaitable<void> wait_write_closed() override { co_return; }
  awaitable<result<void>> close(std::chrono::steady_clock::duration) override {
    ++shutdowns;
    co_return result<void>();
  }
  void abort() noexcept override { ++shutdowns; }

  std::string written;
  std::size_t fails_after = SIZE_MAX;
  int shutdowns = 0;
  flow::error_code read_end = asio::error::eof;

 private:
  asio::any_io_executor executor_;
  std::deque<std::string> pieces_;
};

class recorder final : public flow::copy_observer {
 public:
  void on_piece(asio::const_buffer piece) override {
    seen.append(static_cast<const char*>(piece.data()), piece.size());
  }
  std::string seen;
};

// client <-> a [proxy] b <-> server
struct proxied {
  explicit proxied(const asio::any_io_executor& executor)
      : left(executor),
        right(executor),
        client(left.first()),
        server(right.second()),
        a(flow::make_framed(left.second())),
        b(flow::make_framed(right.first())) {}

  flow::testing::memory_link left;
  flow::testing::memory_link right;
  stream client;
  stream server;
  std::unique_ptr<duplex> a;
  std::unique_ptr<duplex> b;
};

awaitable<void> say(stream& s, std::string text) {
  const auto failure = co_await write_error(s, std::move(text));
  EXPECT_EQ(failure, flow::error_code());
}

awaitable<std::string> hear(stream& s) {
  std::string text(100, '\0');
  const auto n = co_await s.read_some(asio::buffer(text));
  text.resize(n ? *n : 0);
  co_return text;
}

}  // namespace

TEST(FlowCopy, MovesEverythingUntilTheCleanEndAndCountsIt) {
  co_test([](auto executor) -> awaitable<void> {
    scripted from(executor, {"one", "three", "x"});
    scripted to(executor);
    recorder seen;
    const auto r = co_await flow::copy(from, to, &seen);
    EXPECT_TRUE(r.ok());
    EXPECT_EQ(to.written, "onethreex");
    EXPECT_EQ(seen.seen, "onethreex");
    EXPECT_EQ(r.stats.read_bytes, 9U);
    EXPECT_EQ(r.stats.read_operations, 3U);
    EXPECT_EQ(r.stats.write_bytes, 9U);
    EXPECT_EQ(r.stats.write_operations, 3U);
    EXPECT_EQ(from.shutdowns + to.shutdowns, 0) << "it shuts down and closes nothing";
  });
}

TEST(FlowCopy, APieceThatCouldNotBeWrittenCountsAsReadOnly) {
  co_test([](auto executor) -> awaitable<void> {
    scripted from(executor, {"one", "three", "x"});
    scripted to(executor);
    to.fails_after = 3;
    const auto r = co_await flow::copy(from, to);
    EXPECT_EQ(r.write_error, errc::reset);
    EXPECT_EQ(r.read_error, flow::error_code());
    EXPECT_EQ(r.stats.read_bytes, 8U);
    EXPECT_EQ(r.stats.write_bytes, 3U);
    EXPECT_EQ(r.stats.write_operations, 1U);
    EXPECT_EQ(from.shutdowns + to.shutdowns, 0);
  });
}

TEST(FlowCopy, AnErrorOfTheSourceIsTheSources) {
  co_test([](auto executor) -> awaitable<void> {
    scripted from(executor, {"one"});
    from.read_end = errc::truncated;
    scripted to(executor);
    const auto r = co_await flow::copy(from, to);
    EXPECT_EQ(r.read_error, errc::truncated);
    EXPECT_EQ(r.write_error, flow::error_code());
    EXPECT_EQ(to.written, "one");
  });
}

TEST(FlowCopy, StatsOfNoTimeHaveNoRate) {
  flow::copy_stats s;
  EXPECT_EQ(to_string(s), "0 bytes in 0.000 s");
  s.write_bytes = 5;
  s.duration = 2ms;
  EXPECT_EQ(to_string(s), "5 bytes in 0.002 s, 2.5 kB/s");
  s.write_bytes = 3'000'000'000;
  s.duration = 1ns;
  EXPECT_EQ(to_string(s), "3000000000 bytes in 0.000 s, 3e+06 TB/s");
}

TEST(FlowProxy, CarriesBothDirectionsAndEachHalfClose) {
  co_test([](auto executor) -> awaitable<void> {
    proxied p(executor);
    started running(executor, flow::proxy(*p.a, *p.b));
    const std::string text = pattern(1'000'000);
    started writing(executor, p.client.write(asio::buffer(text)));
    started shutting(executor, p.client.shutdown_write());
    flow::error_code ending;
    const auto got = co_await read_to_end(p.server, &ending);
    EXPECT_TRUE(got == text);
    EXPECT_EQ(ending, asio::error::eof);
    co_await turns(executor);
    EXPECT_FALSE(running.done()) << "the other direction is still open";
    co_await say(p.server, "answer");
    const auto shut = co_await p.server.shutdown_write();
    EXPECT_TRUE(shut);
    const auto answer = co_await read_to_end(p.client, &ending);
    EXPECT_EQ(answer, "answer");
    EXPECT_EQ(ending, asio::error::eof);
    co_await running.wait();
    EXPECT_EQ(running->failed(), std::nullopt);
    EXPECT_EQ(running->a_to_b.stats.write_bytes, text.size());
    EXPECT_EQ(running->b_to_a.stats.write_bytes, 6U);
    EXPECT_FALSE(p.client.peer_closed()) << "it closes neither";
    EXPECT_FALSE(p.server.peer_closed());
  });
}

TEST(FlowProxy, AServerThatStopsReadingStopsTheClientAndIsStillHeard) {
  co_test([](auto executor) -> awaitable<void> {
    proxied p(executor);
    started running(executor, flow::proxy(*p.a, *p.b));
    const auto shut = co_await p.server.shutdown_read();
    EXPECT_TRUE(shut);
    co_await p.client.wait_write_closed();
    EXPECT_EQ(running.done(), false);
    co_await say(p.server, "still here");
    const auto heard = co_await hear(p.client);
    EXPECT_EQ(heard, "still here");
    const auto ended = co_await p.server.shutdown_write();
    EXPECT_TRUE(ended);
    co_await running.wait();
    EXPECT_EQ(running->failed(), std::nullopt) << "nothing was lost";
  });
}

TEST(FlowProxy, EndsThoughTheOtherSideIsSilentWhenNothingItSaysCouldArrive) {
  co_test([](auto executor) -> awaitable<void> {
    proxied p(executor);
    started running(executor, flow::proxy(*p.a, *p.b));
    co_await say(p.server, "last");
    started closing(executor, p.server.close(1h));
    flow::error_code ending;
    const auto got = co_await read_to_end(p.client, &ending);
    EXPECT_EQ(got, "last");
    EXPECT_EQ(ending, asio::error::eof);
    co_await running.wait();
    EXPECT_EQ(running->failed(), std::nullopt);
    EXPECT_FALSE(p.client.write_open());
    const auto closed = co_await p.b->close(1h);
    EXPECT_TRUE(closed);
    co_await closing.wait();
    EXPECT_TRUE(closing->acknowledged);
  });
}

TEST(FlowProxy, AHalfClosedServerThatClosesLaterEndsASilentClient) {
  co_test([](auto executor) -> awaitable<void> {
    proxied p(executor);
    started running(executor, flow::proxy(*p.a, *p.b));
    const auto shut = co_await p.server.shutdown_write();
    EXPECT_TRUE(shut);
    co_await turns(executor);
    EXPECT_FALSE(running.done());
    started closing(executor, p.server.close(1h));
    co_await running.wait();
    EXPECT_EQ(running->failed(), std::nullopt);
    p.b->abort();
    co_await closing.wait();
  });
}

TEST(FlowProxy, TellsWhichSideFailed) {
  co_test([](auto executor) -> awaitable<void> {
    {
      proxied p(executor);
      started running(executor, flow::proxy(*p.a, *p.b));
      p.left.reset();
      co_await running.wait();
      EXPECT_EQ(running->failed(), side::a);
      EXPECT_EQ(running->a_to_b.read_error, errc::reset);
    }
    {
      proxied p(executor);
      started running(executor, flow::proxy(*p.a, *p.b));
      p.server.abort();
      co_await running.wait();
      EXPECT_EQ(running->failed(), side::b);
      EXPECT_EQ(running->b_to_a.read_error, errc::truncated);
    }
    {
      proxied p(executor);
      started running(executor, flow::proxy(*p.a, *p.b));
      p.left.reset();
      p.right.reset();
      co_await running.wait();
      EXPECT_EQ(running->failed(), side::both);
    }
  });
}

TEST(FlowProxy, ASourceThatFailedIsNoCleanEndOfItsSink) {
  co_test([](auto executor) -> awaitable<void> {
    proxied p(executor);
    started running(executor, flow::proxy(*p.a, *p.b));
    co_await say(p.client, "half of");
    p.client.abort();
    flow::error_code ending;
    const auto got = co_await read_to_end(p.server, &ending);
    EXPECT_EQ(got, "half of");
    EXPECT_EQ(ending, errc::truncated);
    co_await running.wait();
    EXPECT_EQ(running->failed(), side::a);
  });
}

TEST(FlowProxy, AbortOfBothSidesEndsIt) {
  co_test([](auto executor) -> awaitable<void> {
    proxied p(executor);
    started running(executor, flow::proxy(*p.a, *p.b));
    co_await turns(executor);
    p.a->abort();
    p.b->abort();
    co_await running.wait();
    EXPECT_EQ(running->failed(), side::both);
  });
}
