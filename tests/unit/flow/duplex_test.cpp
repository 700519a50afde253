// The raw duplex on real sockets, and raw and framed through one interface.
#include "flow/duplex.hpp"

#include <sys/socket.h>

#include "flow/copy.hpp"
#include "flow/socket_transport.hpp"
#include "tests/unit/flow/stream_fixture.hpp"

using namespace std::chrono_literals;
using namespace tests;
namespace asio = boost::asio;
using flow::duplex;
using flow::unique_fd;

namespace {

using duplex_ptr = std::unique_ptr<duplex>;
using transport_ptr = std::unique_ptr<flow::transport>;

std::pair<transport_ptr, transport_ptr> transport_pair(const asio::any_io_executor& executor) {
  int fds[2] = {-1, -1};
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
  return {*flow::adopt_socket(executor, unique_fd(fds[0])),
          *flow::adopt_socket(executor, unique_fd(fds[1]))};
}

std::pair<duplex_ptr, duplex_ptr> raw_pair(const asio::any_io_executor& executor) {
  auto [a, b] = transport_pair(executor);
  return {flow::make_raw(std::move(a)), flow::make_raw(std::move(b))};
}

// The data until the end, and how it ended.
struct reading {
  std::string text;
  flow::error_code ending;
};

awaitable<reading> read_all(duplex& d) {
  reading r;
  std::string buffer(4096, '\0');
  for (;;) {
    const auto n = co_await d.read_some(asio::buffer(buffer));
    if (!n) {
      r.ending = n.error().code();
      co_return r;
    }
    r.text.append(buffer, 0, *n);
  }
}

awaitable<flow::error_code> write_all(duplex& d, std::string text) {
  const auto r = co_await d.write(asio::buffer(text));
  co_return r ? flow::error_code() : r.error().code();
}

}  // namespace

TEST(RawDuplex, CarriesMoreThanTheSocketHoldsAndAHalfClose) {
  co_test([](auto executor) -> awaitable<void> {
    auto [a, b] = raw_pair(executor);
    const std::string text = pattern(3'000'000);
    started receiving(executor, read_all(*b));
    const auto sent = co_await write_all(*a, text);
    EXPECT_EQ(sent, flow::error_code());
    const auto shut = co_await a->shutdown_write();
    EXPECT_TRUE(shut);
    co_await receiving.wait();
    EXPECT_TRUE(receiving->text == text);
    EXPECT_EQ(receiving->ending, asio::error::eof);
    const auto answered = co_await write_all(*b, "yes");
    EXPECT_EQ(answered, flow::error_code());
    const auto closed = co_await b->close(1h);
    EXPECT_TRUE(closed);
    const auto answer = co_await read_all(*a);
    EXPECT_EQ(answer.text, "yes");
    EXPECT_EQ(answer.ending, asio::error::eof);
    const auto late = co_await write_all(*a, "late");
    EXPECT_EQ(late, errc::closed);
  });
}

TEST(RawDuplex, ShutdownReadEndsAReadAndThePeersWriting) {
  co_test([](auto executor) -> awaitable<void> {
    auto [a, b] = raw_pair(executor);
    started receiving(executor, read_all(*a));
    co_await turns(executor, 3);
    EXPECT_FALSE(receiving.done());
    const auto shut = co_await a->shutdown_read();
    EXPECT_TRUE(shut);
    co_await receiving.wait();
    EXPECT_EQ(receiving->ending, asio::error::eof);
    const auto refused = co_await write_all(*b, "x");
    EXPECT_EQ(refused, errc::closed);
    EXPECT_FALSE(b->write_open());
    co_await b->wait_write_closed();
    const auto still = co_await write_all(*a, "x");
    EXPECT_EQ(still, flow::error_code());
  });
}

TEST(RawDuplex, AbortEndsWhatIsOutstanding) {
  co_test([](auto executor) -> awaitable<void> {
    auto [a, b] = raw_pair(executor);
    started receiving(executor, read_all(*a));
    started sending(executor, write_all(*a, pattern(10'000'000)));
    started watching(executor, a->wait_write_closed());
    co_await turns(executor, 3);
    EXPECT_FALSE(sending.done());
    a->abort();
    co_await receiving.wait();
    EXPECT_EQ(receiving->ending, errc::aborted);
    co_await sending.wait();
    EXPECT_EQ(*sending, errc::aborted);
    co_await watching.wait();
  });
}

TEST(RawDuplex, DestructionEndsWhatIsOutstanding) {
  co_test([](auto executor) -> awaitable<void> {
    auto [a, b] = raw_pair(executor);
    started receiving(executor, read_all(*a));
    co_await turns(executor, 3);
    a.reset();
    co_await receiving.wait();
    EXPECT_EQ(receiving->ending, errc::aborted);
  });
}

TEST(RawDuplex, PeerThatClosedWithBytesUnreadIsAReset) {
  co_test([](auto executor) -> awaitable<void> {
    auto [a, b] = raw_pair(executor);
    const auto sent = co_await write_all(*a, "unread");
    EXPECT_EQ(sent, flow::error_code());
    b.reset();
    const auto r = co_await read_all(*a);
    EXPECT_EQ(r.ending, errc::reset);
    EXPECT_FALSE(a->write_open());
  });
}

TEST(RawDuplex, PeerThatClosedCompletelyIsNotWrittenTo) {
  co_test([](auto executor) -> awaitable<void> {
    auto [a, b] = raw_pair(executor);
    b.reset();
    EXPECT_TRUE(a->write_open());
    const auto r = co_await read_all(*a);
    EXPECT_EQ(r.ending, asio::error::eof);
    EXPECT_FALSE(a->write_open());
    auto [c, d] = raw_pair(executor);
    const auto shut = co_await d->shutdown_write();
    EXPECT_TRUE(shut);
    const auto half = co_await read_all(*c);
    EXPECT_EQ(half.ending, asio::error::eof);
    EXPECT_TRUE(c->write_open()) << "it only half-closed";
  });
}

TEST(FramedDuplex, CloseSaysWhyItWasNotAcknowledged) {
  co_test([](auto executor) -> awaitable<void> {
    auto [first, second] = transport_pair(executor);
    auto a = flow::make_framed(std::move(first));
    second.reset();
    const auto closed = co_await a->close(1h);
    EXPECT_EQ(closed.error().code(), errc::truncated);
    auto [third, fourth] = transport_pair(executor);
    auto b = flow::make_framed(std::move(third));
    const auto late = co_await b->close(0s);
    EXPECT_EQ(late.error().code(), errc::timed_out);
  });
}

TEST(FramedDuplex, ProxiedToARawOneCarriesEveryEnd) {
  co_test([](auto executor) -> awaitable<void> {
    auto [client_end, a_end] = transport_pair(executor);
    auto client = flow::make_framed(std::move(client_end));
    auto a = flow::make_framed(std::move(a_end));
    auto [b, server] = raw_pair(executor);
    started running(executor, flow::proxy(*a, *b));
    const std::string text = pattern(500'000);
    started sending(executor, write_all(*client, text));
    started shutting(executor, client->shutdown_write());
    const auto at_server = co_await read_all(*server);
    EXPECT_TRUE(at_server.text == text);
    EXPECT_EQ(at_server.ending, asio::error::eof);
    const auto answered = co_await write_all(*server, "answer");
    EXPECT_EQ(answered, flow::error_code());
    server.reset();
    const auto at_client = co_await read_all(*client);
    EXPECT_EQ(at_client.text, "answer");
    EXPECT_EQ(at_client.ending, asio::error::eof);
    co_await running.wait();
    EXPECT_EQ(running->failed(), std::nullopt);
  });
}
