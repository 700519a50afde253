// The guarantees of a flow, statement by statement (SEMANTICS.md), on every kind of transport.
#include <dirent.h>

#include <boost/asio/error.hpp>
#include <set>

#include "tests/unit/flow/stream_fixture.hpp"
#include "tests/unit/flow/transports.hpp"

using namespace std::chrono_literals;
using namespace tests;
namespace asio = boost::asio;
using flow::error_code;

namespace {

// More than every buffer between the two ends holds.
constexpr std::size_t too_much = 8U << 20U;

struct pair_of_streams {
  explicit pair_of_streams(transport_pair t) : a(std::move(t.first)), b(std::move(t.second)) {}
  stream a;
  stream b;
};

class semantics : public testing::TestWithParam<transport_kind> {
 protected:
  void SetUp() override {
    if (GetParam() == transport_kind::vsock) {
      if (const auto reason = why_no_vsock_loopback(); !reason.empty()) {
        GTEST_SKIP() << "no vsock loopback here: " << reason;
      }
    }
  }

  // Runs `body(a, b)` on two connected streams.
  template <class Body>
  static void run(Body body) {
    co_test([&body](const auto&) { return with_streams(body); });
  }

 private:
  template <class Body>
  static awaitable<void> with_streams(Body& body) {
    auto transports = co_await connect_pair(GetParam());
    pair_of_streams p(std::move(transports));
    co_await body(p.a, p.b);
  }
};

using Semantics = semantics;

// Writes until that fails, which it eventually must.
awaitable<error_code> write_until_failure(stream& s) {
  error_code failure;
  while (!failure) {
    failure = co_await write_error(s);
    co_await turns(s.get_executor(), 1);
  }
  co_return failure;
}

awaitable<std::string> read_exactly(stream& s, std::size_t size) {
  std::string all;
  std::string buffer(size, '\0');
  while (all.size() != size) {
    const auto n = co_await s.read_some(asio::buffer(buffer.data(), size - all.size()));
    if (!n) {
      break;
    }
    all.append(buffer, 0, *n);
  }
  co_return all;
}

std::size_t open_descriptors() {
  std::size_t count = 0;
  DIR* const directory = ::opendir("/proc/self/fd");
  while (::readdir(directory) != nullptr) {
    ++count;
  }
  ::closedir(directory);
  return count;
}

TEST_P(Semantics, AReadWaitsForAtLeastOneByte) {
  run([](stream& a, stream& b) -> awaitable<void> {
    std::string buffer(10, '\0');
    started reading(b.get_executor(), b.read_some(asio::buffer(buffer)));
    co_await turns(b.get_executor());
    EXPECT_FALSE(reading.done());
    const auto failure = co_await write_error(a, "x");
    EXPECT_FALSE(failure);
    co_await reading.wait();
    EXPECT_EQ(reading->value(), 1U);
    EXPECT_EQ(buffer[0], 'x');
  });
}

awaitable<void> read_all_after_the_end(stream& a, stream& b, bool by_close) {
  const auto executor = a.get_executor();
  const auto failure = co_await write_error(a, pattern(50'000));
  EXPECT_FALSE(failure);
  started ending(executor, a.shutdown_write());
  co_await ending.wait();
  std::optional<started<flow::close_result>> closing;
  if (by_close) {
    closing.emplace(executor, a.close(1h));
    co_await closing->wait();
  }
  error_code end;
  const auto all = co_await read_to_end(b, &end, 1000);
  EXPECT_TRUE(all == pattern(50'000));
  EXPECT_EQ(end, asio::error::eof);
  for (int i = 0; i < 3; ++i) {
    const auto again = co_await read_error(b);
    EXPECT_EQ(again, asio::error::eof);
  }
}

TEST_P(Semantics, AfterThePeersEndAllDataIsReadAndThenEofAgainAndAgain) {
  for (const bool by_close : {false, true}) {
    run([by_close](stream& a, stream& b) { return read_all_after_the_end(a, b, by_close); });
  }
}

TEST_P(Semantics, AfterShutdownReadReadsAreEofThoughThereIsData) {
  run([](stream& a, stream& b) -> awaitable<void> {
    const auto failure = co_await write_error(a, pattern(5000));
    EXPECT_FALSE(failure);
    const auto first = co_await read_exactly(b, 1);
    EXPECT_EQ(first, pattern(1));
    const auto stopped = co_await b.shutdown_read();
    EXPECT_TRUE(stopped);
    const auto reading = co_await read_error(b);
    EXPECT_EQ(reading, asio::error::eof);
  });
}

TEST_P(Semantics, AfterCloseReadsFailAndDoNotWait) {
  run([](stream& a, stream& b) -> awaitable<void> {
    started waiting(a.get_executor(), read_error(a));
    co_await turns(a.get_executor());
    started closing(a.get_executor(), a.close(1h));
    co_await waiting.wait();
    EXPECT_EQ(*waiting, errc::aborted);
    const auto later = co_await read_error(a);
    EXPECT_EQ(later, errc::aborted);
    co_await closing.wait();
    EXPECT_FALSE(b.write_open());
  });
}

TEST_P(Semantics, AWriteEndsWhenAllOfItIsAcceptedAndItsBufferIsFreeThen) {
  run([](stream& a, stream& b) -> awaitable<void> {
    const std::string text = pattern(too_much);
    started writing(a.get_executor(), a.write(asio::buffer(text)));
    const auto received = co_await read_exactly(b, too_much);
    EXPECT_TRUE(received == text);
    co_await writing.wait();
    EXPECT_TRUE(*writing);
    EXPECT_EQ(a.bytes_written(), too_much);

    std::string reused = "first";
    const auto first = co_await a.write(asio::buffer(reused));
    reused = "other";
    const auto second = co_await a.write(asio::buffer(reused));
    EXPECT_TRUE(first && second);
    const auto both = co_await read_exactly(b, 10);
    EXPECT_EQ(both, "firstother");
  });
}

TEST_P(Semantics, WritesArriveInOrderAndEachInOnePiece) {
  run([](stream& a, stream& b) -> awaitable<void> {
    const auto executor = a.get_executor();
    const std::array<std::string, 3> texts = {std::string(100'000, 'a'), std::string(100'000, 'b'),
                                              std::string(3, 'c')};
    std::vector<started<flow::result<void>>> writing;
    writing.reserve(texts.size());
    for (const auto& text : texts) {
      writing.emplace_back(executor, a.write(asio::buffer(text)));
    }
    const std::array<asio::const_buffer, 2> pieces = {asio::buffer(texts[0]),
                                                      asio::buffer(texts[1])};
    const std::size_t size = 200'003;
    const auto received = co_await read_exactly(b, size);
    EXPECT_TRUE(received == texts[0] + texts[1] + texts[2]);
    for (auto& w : writing) {
      co_await w.wait();
    }
    started reading(executor, read_exactly(b, 200'000));
    const auto r = co_await a.async_write_some(pieces, flow::as_result);
    EXPECT_EQ(std::get<1>(r), 200'000U);
    co_await reading.wait();
    EXPECT_TRUE(*reading == texts[0] + texts[1]);
  });
}

TEST_P(Semantics, AnEmptyWriteSucceedsAndIsNotNoticed) {
  run([](stream& a, stream& b) -> awaitable<void> {
    const auto empty = co_await write_error(a, "");
    EXPECT_FALSE(empty);
    const auto one = co_await write_error(a, "x");
    EXPECT_FALSE(one);
    const auto received = co_await read_exactly(b, 1);
    EXPECT_EQ(received, "x");
    EXPECT_EQ(a.bytes_written(), 1U);
  });
}

TEST_P(Semantics, AfterTheEndOfWritingAtThisEndWritesAreClosed) {
  run([](stream& a, stream& b) -> awaitable<void> {
    const auto ended = co_await a.shutdown_write();
    EXPECT_TRUE(ended);
    const auto after_shutdown = co_await write_error(a);
    EXPECT_EQ(after_shutdown, errc::closed);
    started closing(b.get_executor(), b.close(1h));
    co_await turns(b.get_executor(), 2);
    const auto after_close = co_await write_error(b);
    EXPECT_EQ(after_close, errc::closed);
    co_await closing.wait();
  });
}

TEST_P(Semantics, AfterThePeersShutdownReadOrCloseWritesAreClosedForGood) {
  run([](stream& a, stream& b) -> awaitable<void> {
    const auto stopped = co_await b.shutdown_read();
    EXPECT_TRUE(stopped);
    const auto first = co_await write_until_failure(a);
    EXPECT_EQ(first, errc::closed);
    for (int i = 0; i < 3; ++i) {
      const auto again = co_await write_error(a);
      EXPECT_EQ(again, errc::closed);
    }
    const auto other_way = co_await write_error(b);
    EXPECT_FALSE(other_way);
  });
  run([](stream& a, stream& b) -> awaitable<void> {
    started closing(b.get_executor(), b.close(1h));
    const auto failure = co_await write_until_failure(a);
    EXPECT_EQ(failure, errc::closed);
    co_await closing.wait();
  });
}

enum class ending { own_close, peer_shutdown_read, peer_close, loss };

awaitable<void> release_blocked_write(stream& a, stream& b, ending how) {
  const auto executor = a.get_executor();
  started writing(executor, write_error(a, pattern(too_much)));
  co_await turns(executor);
  EXPECT_FALSE(writing.done());
  std::optional<started<flow::close_result>> closing;
  if (how == ending::own_close) {
    closing.emplace(executor, a.close(1h));
  } else if (how == ending::peer_close) {
    closing.emplace(executor, b.close(1h));
  } else if (how == ending::peer_shutdown_read) {
    const auto stopped = co_await b.shutdown_read();
    EXPECT_TRUE(stopped);
  } else {
    b.abort();
  }
  co_await writing.wait();
  if (how == ending::loss) {
    EXPECT_TRUE(*writing == errc::truncated || *writing == errc::reset) << *writing;
  } else {
    EXPECT_EQ(*writing, errc::closed);
  }
  a.abort();
  b.abort();
  if (closing) {
    co_await closing->wait();
  }
}

TEST_P(Semantics, ABlockedWriteIsReleasedByEveryEndThereIs) {
  for (const ending how :
       {ending::own_close, ending::peer_shutdown_read, ending::peer_close, ending::loss}) {
    run([how](stream& a, stream& b) { return release_blocked_write(a, b, how); });
  }
}

TEST_P(Semantics, ShutdownWriteFlushesAndLeavesReadingOpen) {
  run([](stream& a, stream& b) -> awaitable<void> {
    const auto executor = a.get_executor();
    const std::string text = pattern(too_much);
    started writing(executor, a.write(asio::buffer(text)));
    started ending(executor, a.shutdown_write());
    error_code end;
    const auto all = co_await read_to_end(b, &end);
    EXPECT_TRUE(all == text);
    EXPECT_EQ(end, asio::error::eof);
    co_await ending.wait();
    EXPECT_TRUE(*writing && *ending);
    const auto failure = co_await write_error(b, "answer");
    EXPECT_FALSE(failure);
    const auto answer = co_await read_exactly(a, 6);
    EXPECT_EQ(answer, "answer");
  });
}

awaitable<void> shut_down_again_and_again(stream& a, stream& b, bool read_first) {
  for (int i = 0; i < 4; ++i) {
    if ((i % 2 == 0) == read_first) {
      const auto r = co_await a.shutdown_read();
      EXPECT_TRUE(r);
    } else {
      const auto r = co_await a.shutdown_write();
      EXPECT_TRUE(r);
    }
  }
  const auto end = co_await read_error(b);
  EXPECT_EQ(end, asio::error::eof);
  const auto closed = co_await a.close(1h);
  EXPECT_TRUE(closed.acknowledged);
  const auto write_end = co_await a.shutdown_write();
  const auto read_end = co_await a.shutdown_read();
  EXPECT_TRUE(write_end && read_end);
}

TEST_P(Semantics, ShutdownsMayComeInAnyOrderAgainAndAfterClose) {
  for (const bool read_first : {false, true}) {
    run([read_first](stream& a, stream& b) { return shut_down_again_and_again(a, b, read_first); });
  }
}

// The end of both directions does not release the transport: close() does, and reports the result.
TEST_P(Semantics, WhenBothDirectionsAreOverCloseHasNothingToWaitFor) {
  run([](stream& a, stream& b) -> awaitable<void> {
    const auto a_ended = co_await a.shutdown_write();
    const auto b_ended = co_await b.shutdown_write();
    EXPECT_TRUE(a_ended && b_ended);
    const auto a_end = co_await read_error(a);
    const auto b_end = co_await read_error(b);
    EXPECT_EQ(a_end, asio::error::eof);
    EXPECT_EQ(b_end, asio::error::eof);
    const auto r = co_await a.close(1h);
    EXPECT_TRUE(r.acknowledged);
    const auto theirs = co_await b.close(1h);
    EXPECT_TRUE(theirs.acknowledged);
  });
}

TEST_P(Semantics, CloseFreesEverythingAndMayBeRepeated) {
  co_test([](auto) -> awaitable<void> {
    for (int i = 0; i < 2; ++i) {  // the first time, the executor opens descriptors of its own
      const auto before = open_descriptors();
      auto transports = co_await connect_pair(GetParam());
      pair_of_streams p(std::move(transports));
      for (int again = 0; again < 3; ++again) {
        const auto r = co_await p.a.close(1h);
        EXPECT_TRUE(r.acknowledged);
      }
      co_await p.b.close(1h);
      if (i == 1) {
        EXPECT_EQ(open_descriptors(), before);
      }
    }
  });
}

TEST_P(Semantics, CloseReturnsWhenThePeerHasAllThatWasWritten) {
  run([](stream& a, stream& b) -> awaitable<void> {
    const auto failure = co_await write_error(a, pattern(40'000));
    EXPECT_FALSE(failure);
    const auto r = co_await a.close(1h);
    EXPECT_TRUE(r.acknowledged);
    EXPECT_FALSE(r.peer_first);
    error_code end;
    const auto all = co_await read_to_end(b, &end);
    EXPECT_TRUE(all == pattern(40'000));
    EXPECT_EQ(end, asio::error::eof);
  });
}

TEST_P(Semantics, CloseEndsAtItsDeadlineWhateverThePeerDoes) {
  co_test([](auto) -> awaitable<void> {
    auto transports = co_await connect_pair(GetParam());  // the second never sends anything
    stream a(std::move(transports.first));
    started blocked(a.get_executor(), write_error(a, pattern(too_much)));
    co_await turns(a.get_executor());
    const auto r = co_await a.close(5ms);
    EXPECT_FALSE(r.acknowledged);
    EXPECT_EQ(r.reason, errc::timed_out);
    EXPECT_TRUE(blocked.done());
  });
}

// How reading ends when the peer sends `bytes` and closes.
awaitable<error_code> end_of(transport_kind kind, std::string bytes) {
  auto transports = co_await connect_pair(kind);
  stream a(std::move(transports.first));
  const iovec whole{bytes.data(), bytes.size()};
  error_code ec;
  if (!bytes.empty()) {
    transports.second->write_some({&whole, 1}, ec);
  }
  transports.second->close();
  error_code end;
  co_await read_to_end(a, &end);
  co_return end;
}

TEST_P(Semantics, EveryWayToEndHasItsOwnNameAndText) {
  co_test([](auto) -> awaitable<void> {
    const auto clean = co_await end_of(GetParam(), data("x") + wire(frame_code::shutdown_write));
    EXPECT_EQ(clean, asio::error::eof);
    const auto cut = co_await end_of(GetParam(), header(10) + "abc");
    EXPECT_EQ(cut, errc::truncated);
    const auto gone = co_await end_of(GetParam(), data("x"));
    EXPECT_EQ(gone, errc::truncated);
    const auto illegal = co_await end_of(GetParam(), header(0x80000000));
    EXPECT_EQ(illegal, errc::protocol);
    const auto large = co_await end_of(GetParam(), header(65'533));
    EXPECT_EQ(large, errc::frame_too_large);
    std::set<std::string> texts;
    for (const error_code& ec :
         {clean, cut, illegal, large, error_code(errc::reset), error_code(errc::timed_out),
          error_code(errc::closed), error_code(errc::aborted)}) {
      EXPECT_TRUE(texts.insert(ec.message()).second) << ec.message();
    }
  });
}

TEST_P(Semantics, EverySizeOneWayTimesEverySizeTheOther) {
  constexpr std::array<std::size_t, 16> sizes = {0,         1,
                                                 4,         4095,
                                                 4096,      4097,
                                                 4098,      4099,
                                                 5000,      5001,
                                                 5002,      65'531,
                                                 65'532,    (1U << 20U) - 1,
                                                 1U << 20U, (1U << 20U) + 1};
  for (const std::size_t there : sizes) {
    for (const std::size_t back : sizes) {
      run([there, back](stream& a, stream& b) { return exchange(a, b, there, back); });
    }
  }
}

INSTANTIATE_TEST_SUITE_P(On, Semantics,
                         testing::Values(transport_kind::memory, transport_kind::unix,
                                         transport_kind::hybrid, transport_kind::vsock),
                         [](const auto& parameter) { return name_of(parameter.param); });

}  // namespace
