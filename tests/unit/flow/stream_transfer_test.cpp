#include <array>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <vector>

#include "tests/unit/flow/stream_fixture.hpp"

using namespace std::chrono_literals;
using namespace tests;
namespace asio = boost::asio;

namespace {

// Around the sizes at which frames, blocks and buffers end.
constexpr std::array<std::size_t, 16> sizes = {0,         1,
                                               4,         4095,
                                               4096,      4097,
                                               4098,      4099,
                                               5000,      5001,
                                               5002,      65531,
                                               65532,     (1U << 20U) - 1,
                                               1U << 20U, (1U << 20U) + 1};

// As tests::exchange, and both ends release the link.
awaitable<void> exchange(stream_pair& p, std::size_t there, std::size_t back, std::size_t piece) {
  co_await tests::exchange(p.a, p.b, there, back, piece);
  co_await turns(p.a.get_executor());
  EXPECT_TRUE(p.link.first_closed() && p.link.second_closed());
}

TEST(StreamTransfer, EverySizeWithLargeFrames) {
  co_test([](auto executor) -> awaitable<void> {
    for (const std::size_t size : sizes) {
      stream::options o;
      o.max_payload = flow::agreed_max_payload;
      stream_pair p(executor, o);
      co_await exchange(p, size, size, 100'000);
    }
  });
}

TEST(StreamTransfer, EveryPieceSizeOfTheReader) {
  co_test([](auto executor) -> awaitable<void> {
    for (const std::uint32_t max_payload : {1U, 7U, 4096U, 20'000U, flow::agreed_max_payload}) {
      for (const std::size_t piece :
           {1U, 3U, 4095U, 4096U, 16'383U, 16'384U, 20'000U, 65'532U, 65'536U, 200'000U}) {
        stream::options o;
        o.max_payload = max_payload;
        stream_pair p(executor, o);
        co_await exchange(p, 70'000, 300, piece);
      }
    }
  });
}

TEST(StreamTransfer, TransportsThatMoveFewBytesAtATimeChangeNothing) {
  co_test([](auto executor) -> awaitable<void> {
    for (const std::size_t most : {1U, 2U, 3U, 5U, 4099U}) {
      for (const std::size_t piece : {1U, 100U, 65'536U}) {
        stream::options o;
        o.max_payload = 50;
        stream_pair p(executor, o);
        p.link.to_first().max_read = p.link.to_second().max_read = most;
        p.link.to_first().max_write = p.link.to_second().max_write = most;
        co_await exchange(p, 1000, 777, piece);
      }
    }
  });
}

TEST(StreamTransfer, TransportsThatPretendToBlockChangeNothing) {
  co_test([](auto executor) -> awaitable<void> {
    for (const std::size_t most : {1U, 70U, 100'000U}) {
      stream_pair p(executor);
      p.link.to_first().storm = p.link.to_second().storm = true;
      p.link.to_first().max_read = most;
      p.link.to_second().max_write = most;
      co_await exchange(p, 3000, 5000, 65'536);
    }
  });
}

TEST(StreamTransfer, TinyTransportBuffersPushBackWithoutLoss) {
  co_test([](auto executor) -> awaitable<void> {
    for (const std::size_t capacity : {1U, 4U, 5U, 4100U}) {
      stream_pair p(executor);
      p.link.to_first().capacity = p.link.to_second().capacity = capacity;
      co_await exchange(p, 9000, 5000, 1000);
    }
  });
}

TEST(StreamTransfer, NothingIsSentForAnEmptyWrite) {
  co_test([](auto executor) -> awaitable<void> {
    stream_fixture f(executor);
    const auto failure = co_await write_error(f.s, "");
    EXPECT_EQ(failure, flow::error_code());
    const auto r = co_await f.s.async_write_some(asio::const_buffer(), flow::as_result);
    EXPECT_EQ(std::get<0>(r), flow::error_code());
    EXPECT_EQ(std::get<1>(r), 0U);
    EXPECT_EQ(f.peer.received(), "");
  });
}

TEST(StreamTransfer, EmptyDataIsSkippedAndNeverDelivered) {
  co_test([](auto executor) -> awaitable<void> {
    stream_fixture f(executor);
    f.peer.send(header(0), header(0), data("x"), header(0));
    std::string buffer(10, '\0');
    const auto n = co_await f.s.read_some(asio::buffer(buffer));
    EXPECT_EQ(*n, 1U);
    started waiting(executor, f.s.read_some(asio::buffer(buffer)));
    f.peer.send(header(0));
    co_await turns(executor);
    EXPECT_FALSE(waiting.done());
    f.peer.send(frame_code::shutdown_write);
    co_await turns(executor);
    EXPECT_EQ(waiting->error().code(), asio::error::eof);
  });
}

TEST(StreamTransfer, AsiosComposedOperationsRunOnAStream) {
  co_test([](auto executor) -> awaitable<void> {
    stream_pair p(executor);
    const std::string text = pattern(300'000);
    started reading(executor, [](stream& s, std::size_t size) -> awaitable<std::string> {
      std::string all(size, '\0');
      const auto r = co_await asio::async_read(s, asio::buffer(all), flow::as_result);
      EXPECT_EQ(std::get<0>(r), flow::error_code());
      co_return all;
    }(p.b, text.size()));
    const std::array<asio::const_buffer, 3> parts = {asio::buffer(text, 100),
                                                     asio::buffer(text.data() + 100, 199'900),
                                                     asio::buffer(text.data() + 200'000, 100'000)};
    const auto r = co_await asio::async_write(p.a, parts, flow::as_result);
    EXPECT_EQ(std::get<0>(r), flow::error_code());
    EXPECT_EQ(std::get<1>(r), text.size());
    co_await turns(executor);
    EXPECT_TRUE(reading.done() && *reading == text);
  });
}

TEST(StreamTransfer, AGatherWriteIsOneMessageHoweverManyPieces) {
  co_test([](auto executor) -> awaitable<void> {
    stream_fixture f(executor);
    const std::string text = pattern(1600);
    std::vector<asio::const_buffer> pieces;
    for (std::size_t i = 0; i < 16; ++i) {
      pieces.push_back(asio::buffer(text.data() + i * 100, 100));
      pieces.emplace_back();
    }
    const auto r = co_await f.s.async_write_some(pieces, flow::as_result);
    EXPECT_EQ(std::get<1>(r), 1600U);
    EXPECT_EQ(f.peer.received(), "Data 1600");
    EXPECT_EQ(f.peer.payload, text);
  });
}

TEST(StreamTransfer, AReadFillsTheFirstBufferThatHasRoom) {
  co_test([](auto executor) -> awaitable<void> {
    stream_fixture f(executor);
    f.peer.send(data("abcdef"));
    std::array<char, 4> first{};
    const std::array<asio::mutable_buffer, 2> buffers = {asio::mutable_buffer(),
                                                         asio::buffer(first)};
    const auto r = co_await f.s.async_read_some(buffers, flow::as_result);
    EXPECT_EQ(std::get<1>(r), 4U);
    EXPECT_EQ(std::string(first.data(), 4), "abcd");
    const auto none = co_await f.s.async_read_some(asio::mutable_buffer(), flow::as_result);
    EXPECT_EQ(std::get<0>(none), flow::error_code());
    EXPECT_EQ(std::get<1>(none), 0U);
  });
}

TEST(StreamTransfer, HandlersNeverRunInsideTheCallThatStartsThem) {
  co_test([](auto executor) -> awaitable<void> {
    stream_fixture f(executor);
    f.peer.send(data("abc"));
    co_await turns(executor);
    std::string buffer(10, '\0');
    bool read = false;
    bool written = false;
    bool failed = false;
    f.s.async_read_some(asio::buffer(buffer), [&](flow::error_code, std::size_t) { read = true; });
    EXPECT_FALSE(read);
    f.s.async_write_some(asio::buffer(buffer),
                         [&](flow::error_code, std::size_t) { written = true; });
    EXPECT_FALSE(written);
    co_await turns(executor);
    EXPECT_TRUE(read && written);
    f.s.abort();
    f.s.async_write_some(asio::buffer(buffer),
                         [&](flow::error_code, std::size_t) { failed = true; });
    EXPECT_FALSE(failed);
    co_await turns(executor);
    EXPECT_TRUE(failed);
  });
}

// A handler bound to an executor of its own runs there.
TEST(StreamTransfer, HandlersRunOnTheirOwnExecutor) {
  co_test([](auto executor) -> awaitable<void> {
    stream_fixture f(executor);
    asio::io_context elsewhere;
    bool read = false;
    std::string buffer(10, '\0');
    f.s.async_read_some(
        asio::buffer(buffer),
        asio::bind_executor(elsewhere, [&](flow::error_code, std::size_t) { read = true; }));
    f.peer.send(data("abc"));
    co_await turns(executor);
    EXPECT_FALSE(read);
    elsewhere.run();
    EXPECT_TRUE(read);
  });
}

TEST(StreamTransfer, ASecondReadIsRefusedAndDoesNotHarmTheFirst) {
  co_test([](auto executor) -> awaitable<void> {
    stream_fixture f(executor);
    std::string buffer(10, '\0');
    started first(executor, f.s.read_some(asio::buffer(buffer)));
    co_await turns(executor);
    const auto second = co_await read_error(f.s);
    EXPECT_EQ(second, errc::invalid_argument);
    f.peer.send(data("abc"));
    co_await turns(executor);
    EXPECT_EQ(first->value(), 3U);
  });
}

// An application that does not read makes the peer wait, after the read-ahead.
TEST(StreamTransfer, ReadAheadIsBounded) {
  co_test([](auto executor) -> awaitable<void> {
    for (const std::size_t ahead : {std::size_t{4}, std::size_t{1000}, std::size_t{65'536}}) {
      stream::options o;
      o.read_ahead = ahead;
      stream_fixture f(executor, o);
      for (int i = 0; i < 50; ++i) {
        f.peer.send(data(pattern(4000)));
      }
      co_await turns(executor);
      const std::size_t taken = std::size_t{50} * 4004 - f.link.to_first().bytes.size();
      EXPECT_GE(taken, ahead);
      EXPECT_LE(taken, ahead + flow::frame_header_size);  // a header alone is not kept
      f.peer.send(frame_code::shutdown_write);
      flow::error_code ending;
      const auto all = co_await read_to_end(f.s, &ending, 700);
      EXPECT_EQ(all.size(), 50 * 4000U);
      EXPECT_EQ(ending, asio::error::eof);
    }
  });
}

// Completing immediately must not keep others from running.
TEST(StreamTransfer, AStreamThatIsAlwaysReadyLetsOthersRun) {
  co_test([](auto executor) -> awaitable<void> {
    stream::options o;
    o.max_payload = 1;
    stream_pair p(executor, o);
    const auto filled = co_await write_error(p.a, pattern(10'000));
    EXPECT_EQ(filled, flow::error_code());
    int others = 0;
    bool stop = false;
    started counting(executor, [](auto ex, int& count, bool& end) -> awaitable<int> {
      while (!end) {
        ++count;
        co_await asio::post(ex, asio::use_awaitable);
      }
      co_return count;
    }(executor, others, stop));
    char byte = 0;
    for (int i = 0; i < 10'000; ++i) {
      const auto n = co_await p.b.read_some(asio::buffer(&byte, 1));
      EXPECT_EQ(n.value(), 1U);
    }
    EXPECT_GT(others, 100);
    stop = true;
    co_await turns(executor);
  });
}

}  // namespace
