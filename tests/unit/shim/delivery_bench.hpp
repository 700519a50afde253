// A delivery between a guest's stream and a client, with all three in the test's hands, and the
// time.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>

#include "flow/testing/manual_clock.hpp"
#include "flow/testing/memory_transport.hpp"
#include "shim/io/delivery.hpp"
#include "tests/support/captured_log.hpp"
#include "tests/support/co_test.hpp"
#include "tests/support/settle.hpp"

namespace tests {

// A client at a pipe that takes `room` bytes before somebody reads.
class pipe_double final : public shim::sink {
 public:
  explicit pipe_double(const boost::asio::any_io_executor& executor) : changed_(executor) {}

  flow::awaitable<flow::result<std::size_t>> write_some(flow::asio::const_buffer data) override {
    const auto decided = [this] { return closed || failure || unread_.size() < room; };
    co_await changed_.wait(decided);
    if (closed && !sends_on) {
      co_return flow::error(flow::errc::aborted);
    }
    if (failure) {
      co_return flow::error(failure);
    }
    const auto n = sends_on ? data.size() : std::min(data.size(), room - unread_.size());
    unread_.append(static_cast<const char*>(data.data()), n);
    co_return n;
  }
  std::uint64_t unread() override {
    if (throws) {
      throw std::runtime_error("a bug");
    }
    return unread_.size();
  }
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
  bool of_one_program = false;  // whose exit is the end of all readers
  bool sends_on = false;        // what is being written when it is closed is written all the same
  bool throws = false;
  bool closed = false;
  flow::error_code failure;
  std::string got;

 private:
  std::string unread_;
  flow::event changed_;
};

struct delivery_bench {
  explicit delivery_bench(const boost::asio::any_io_executor& ex)
      : executor(ex),
        time(ex),
        link(ex),
        guest(link.first()),
        stream(link.second()),
        output(ex, "test stdout", make_sink(), limits, log.to) {}

  std::unique_ptr<shim::sink> make_sink() {
    auto made = std::make_unique<pipe_double>(executor);
    client = made.get();
    return made;
  }

  flow::awaitable<void> guest_writes(std::string text) {
    const auto written = co_await guest.write(flow::asio::buffer(text));
    EXPECT_TRUE(written) << written.error().message();
  }

  // As the agent ends a stream: no more, then it waits for our Close.
  flow::awaitable<void> guest_ends() {
    const auto ended = co_await guest.shutdown_write();
    EXPECT_TRUE(ended);
    co_await guest.wait_peer_closed();
    const auto closed = co_await guest.close(std::chrono::seconds(10));
    EXPECT_TRUE(closed.acknowledged);
  }

  // Time passes in one step, and what it brings about happens.
  flow::awaitable<void> pass(flow::clock::duration by) {
    time.advance(by);
    co_await settle(executor);
  }

  // Time passes, as little at a time as the delivery looks, until `done`, but not more than `most`.
  // Returns how much has passed.
  flow::awaitable<flow::clock::duration> pass_until(flow::event::condition done,
                                                    flow::clock::duration most) {
    const auto begin = time.now();
    co_await settle(executor);
    while (!done() && time.now() - begin < most) {
      co_await pass(shim::limits::last_look);
    }
    co_return time.now() - begin;
  }

  // The reader reads, and time passes, until it has seen the end.
  flow::awaitable<void> read_to_end() {
    while (!client->closed) {
      client->read();
      co_await pass(shim::limits::last_idle_look);
    }
  }

  // The end of a test whose stream has not ended.
  flow::awaitable<void> stop() {
    output.abandon("test is over");
    stream.abort();
    co_await output.join();
  }

  shim::delivery_report report() const { return output.report(); }

  // Nothing has appeared or vanished, and what counts as delivered is what the client has read.
  void expect_books_balance() const {
    const auto r = report();
    EXPECT_EQ(r.received, r.delivered + r.held + r.dropped);
    EXPECT_EQ(r.written(), r.delivered + r.held + r.lost());
    EXPECT_EQ(r.delivered, client->got.size());
  }

  boost::asio::any_io_executor executor;
  flow::testing::manual_clock time;
  captured_log log;
  shim::delivery_limits limits{.spool = 1 << 20};
  flow::testing::memory_link link;
  flow::stream guest;
  flow::stream stream;
  pipe_double* client = nullptr;  // the delivery's
  shim::delivery output;
};

inline flow::awaitable<void> set_when(flow::awaitable<void> done, bool& flag) {
  co_await std::move(done);
  flag = true;
}

inline std::string pattern(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) {
    text[i] = static_cast<char>((i * 7 + 13) % 251);
  }
  return text;
}

inline void fail_test(const std::string& name, const std::exception_ptr& failure) {
  ADD_FAILURE() << name << ": " << flow::describe(failure);
}

// An exit that waits for its output.
struct waiting_exit {
  waiting_exit(delivery_bench& b, std::uint64_t offset) : tasks(b.executor, fail_test) {
    tasks.spawn("exit", set_when(b.output.wait_safe(offset), safe));
  }

  bool safe = false;
  flow::task_group tasks;
};

// Up to 100 ms late, for the reader is looked at every 50 ms.
inline void expect_about(flow::clock::duration passed, flow::clock::duration wanted) {
  EXPECT_GE(passed, wanted);
  EXPECT_LE(passed, wanted + std::chrono::milliseconds(100));
}

}  // namespace tests
