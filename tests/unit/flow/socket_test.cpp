// Streams over real sockets, and the ways to create them.
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "flow/connect.hpp"
#include "flow/listener.hpp"
#include "flow/socket_transport.hpp"
#include "tests/unit/flow/stream_fixture.hpp"
#include "tests/unit/flow/transports.hpp"

using namespace std::chrono_literals;
using namespace tests;
namespace asio = boost::asio;
using flow::listener;
using flow::unique_fd;
using flow::vsock_address;

namespace {

awaitable<void> exchange(std::unique_ptr<flow::transport> first,
                         std::unique_ptr<flow::transport> second) {
  stream::options o;
  o.max_payload = flow::agreed_max_payload;
  stream a(std::move(first), o);
  stream b(std::move(second));
  const std::string text = pattern(3'000'000);
  started writing(a.get_executor(), a.write(asio::buffer(text)));
  flow::error_code ending;
  started reading(a.get_executor(), read_to_end(b, &ending));
  co_await writing.wait();
  EXPECT_TRUE(*writing);
  const auto ended = co_await a.shutdown_write();
  EXPECT_TRUE(ended);
  co_await reading.wait();
  EXPECT_TRUE(*reading == text);
  EXPECT_EQ(ending, asio::error::eof);
  const auto failure = co_await write_error(b, "thanks");
  EXPECT_EQ(failure, flow::error_code());
  started closing(a.get_executor(), b.close(1h));
  const auto answer = co_await read_to_end(a, &ending);
  EXPECT_EQ(answer, "thanks");
  EXPECT_EQ(ending, asio::error::eof);
  co_await closing.wait();
  EXPECT_TRUE(closing->acknowledged);
}

// Listens and connects at the same time.
template <class Connect>
awaitable<void> connect_and_exchange(listener& l, Connect connect) {
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  started accepting(executor, l.accept());
  auto there = co_await connect();
  EXPECT_TRUE(there) << there.error().message();
  co_await accepting.wait();
  EXPECT_TRUE(*accepting);
  if (there && *accepting) {
    co_await exchange(std::move(*there), std::move((*accepting)->connection));
  }
}

}  // namespace

TEST(SocketTransport, CarriesAStreamBothWays) {
  co_test([](auto executor) -> awaitable<void> {
    auto [first, second] = connected_pair();
    auto a = flow::adopt_socket(executor, std::move(first));
    auto b = flow::adopt_socket(executor, std::move(second));
    co_await exchange(std::move(*a), std::move(*b));
  });
}

TEST(SocketTransport, TakesStreamSocketsOnly) {
  co_test([](auto executor) -> awaitable<void> {
    auto [first, second] = connected_pair(SOCK_SEQPACKET);
    const auto refused = flow::adopt_socket(executor, std::move(first));
    EXPECT_EQ(refused.error().code(), errc::invalid_argument);
    const auto not_a_socket =
        flow::adopt_socket(executor, unique_fd(::open("/dev/null", O_RDWR | O_CLOEXEC)));
    EXPECT_EQ(not_a_socket.error().code().value(), ENOTSOCK);
    const auto nothing = flow::adopt_socket(executor, unique_fd());
    EXPECT_EQ(nothing.error().code().value(), EBADF);
    co_return;
  });
}

TEST(SocketTransport, CloseEndsTheConnectionThoughAnotherProcessHoldsTheDescriptor) {
  co_test([](auto executor) -> awaitable<void> {
    auto [first, second] = connected_pair();
    const unique_fd elsewhere(::fcntl(first.get(), F_DUPFD_CLOEXEC, 0));
    auto a = flow::adopt_socket(executor, std::move(first));
    stream b(*flow::adopt_socket(executor, std::move(second)));
    (*a)->close();
    (*a)->close();
    EXPECT_EQ((*a)->native_handle(), -1);
    const auto reading = co_await read_error(b);
    EXPECT_EQ(reading, errc::truncated);
    char c = 0;
    const iovec one{&c, 1};
    flow::error_code ec;
    EXPECT_EQ((*a)->read_some({&one, 1}, ec), 0U);
    EXPECT_EQ(ec, asio::error::bad_descriptor);
  });
}

TEST(SocketTransport, WritingToAClosedPeerRaisesNoSignal) {
  co_test([](auto executor) -> awaitable<void> {
    EXPECT_NE(std::signal(SIGPIPE, SIG_DFL), SIG_ERR);
    auto [first, second] = connected_pair();
    stream a(*flow::adopt_socket(executor, std::move(first)));
    second.reset();
    const auto failure = co_await write_error(a);
    EXPECT_TRUE(failure == errc::reset || failure == errc::truncated) << failure.message();
  });
}

TEST(SocketTransport, MoreBuffersThanTheSystemTakesAtOnceAreAShortTransfer) {
  co_test([](auto executor) -> awaitable<void> {
    auto [first, second] = connected_pair();
    auto a = flow::adopt_socket(executor, std::move(first));
    auto b = flow::adopt_socket(executor, std::move(second));
    std::string text = pattern(5000);
    std::vector<iovec> pieces;
    for (char& c : text) {
      pieces.push_back({&c, 1});
    }
    flow::error_code ec;
    EXPECT_EQ((*a)->write_some(pieces, ec), 1024U);
    EXPECT_FALSE(ec);
    EXPECT_EQ((*b)->read_some(pieces, ec), 1024U);
    EXPECT_FALSE(ec);
    co_return;
  });
}

TEST(UnixSocket, ConnectsAndAccepts) {
  co_test([](auto executor) -> awaitable<void> {
    const temporary_directory dir;
    auto l = listener::unix_socket(executor, dir / "s");
    EXPECT_TRUE(l) << l.error().message();
    co_await connect_and_exchange(*l, [&] { return flow::connect_unix(executor, dir / "s", 1h); });
  });
}

TEST(UnixSocket, TheFileHasItsPermissionsAndIsRemoved) {
  co_test([](auto executor) -> awaitable<void> {
    const temporary_directory dir;
    struct stat info{};
    {
      auto l = listener::unix_socket(executor, dir / "s", 0640);
      EXPECT_EQ(::stat((dir / "s").c_str(), &info), 0);
      EXPECT_EQ(info.st_mode & 0777, 0640U);
      const auto taken = listener::unix_socket(executor, dir / "s");
      EXPECT_EQ(taken.error().code().value(), EADDRINUSE);
      listener moved(std::move(*l));
      EXPECT_EQ(::stat((dir / "s").c_str(), &info), 0);
    }
    EXPECT_NE(::stat((dir / "s").c_str(), &info), 0);
    co_return;
  });
}

TEST(UnixSocket, PathsLongerThanAnAddressWork) {
  co_test([](auto executor) -> awaitable<void> {
    const temporary_directory dir;
    const std::string deep = dir / std::string(120, 'd');
    std::filesystem::create_directory(deep);
    auto l = listener::unix_socket(executor, deep + "/s");
    EXPECT_TRUE(l) << l.error().message();
    co_await connect_and_exchange(*l,
                                  [&] { return flow::connect_unix(executor, deep + "/s", 1h); });
    l->close();
    EXPECT_FALSE(std::filesystem::exists(deep + "/s"));
    const auto longer = listener::unix_socket(executor, dir / std::string(200, 'x'));
    EXPECT_EQ(longer.error().code(), errc::invalid_argument);
    const auto empty = listener::unix_socket(executor, "");
    EXPECT_EQ(empty.error().code(), errc::invalid_argument);
  });
}

TEST(UnixSocket, ConnectFailsWithThePathWhereNobodyListens) {
  co_test([](auto executor) -> awaitable<void> {
    const temporary_directory dir;
    const auto missing = co_await flow::connect_unix(executor, dir / "none", 1h);
    EXPECT_EQ(missing.error().code().value(), ENOENT);
    EXPECT_NE(missing.error().message().find(dir / "none"), std::string::npos);
  });
}

// A listener that accepts nothing fills its queue; connecting then waits up to its timeout.
TEST(UnixSocket, ConnectHonoursItsDeadlineWhenTheQueueIsFull) {
  co_test([](auto executor) -> awaitable<void> {
    const temporary_directory dir;
    const unique_fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    (dir / "s").copy(address.sun_path, sizeof(address.sun_path) - 1);
    EXPECT_EQ(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    EXPECT_EQ(::listen(socket.get(), 0), 0);
    std::vector<std::unique_ptr<flow::transport>> connections;
    flow::error_code failure;
    while (!failure && connections.size() < 10) {
      auto c = co_await flow::connect_unix(executor, dir / "s", 20ms);
      if (c) {
        connections.push_back(std::move(*c));
      } else {
        failure = c.error().code();
      }
    }
    EXPECT_EQ(failure, errc::timed_out);

    // And succeeds if there is room in time.
    started waiting(executor, flow::connect_unix(executor, dir / "s", 1h));
    co_await turns(executor);
    EXPECT_FALSE(waiting.done());
    const unique_fd accepted(::accept(socket.get(), nullptr, nullptr));
    co_await waiting.wait();
    EXPECT_TRUE(*waiting);
  });
}

TEST(Listener, CloseEndsAnOutstandingAccept) {
  co_test([](auto executor) -> awaitable<void> {
    const temporary_directory dir;
    auto l = listener::unix_socket(executor, dir / "s");
    started accepting(executor, l->accept());
    co_await turns(executor);
    EXPECT_FALSE(accepting.done());
    l->close();
    co_await accepting.wait();
    EXPECT_EQ(accepting->error().code(), errc::aborted);
    const auto later = co_await l->accept();
    EXPECT_EQ(later.error().code(), errc::aborted);
  });
}

TEST(HybridSocket, AsksForThePortAndLeavesWhatFollowsTheAnswer) {
  co_test([](auto executor) -> awaitable<void> {
    const temporary_directory dir;
    auto l = listener::unix_socket(executor, dir / "vm");
    started answering(executor, answer_hybrid(*l, "OK 1073741824\n" + data("first frame")));
    auto connected = co_await flow::connect_hybrid(executor, dir / "vm", 1024, 1h);
    EXPECT_TRUE(connected) << connected.error().message();
    co_await answering.wait();
    EXPECT_EQ(*answering, "CONNECT 1024\n");
    stream s(std::move(*connected));
    flow::error_code ending;
    const auto all = co_await read_to_end(s, &ending);
    EXPECT_EQ(all, "first frame");
  });
}

TEST(HybridSocket, EveryOtherAnswerIsAnError) {
  co_test([](auto executor) -> awaitable<void> {
    const temporary_directory dir;
    auto l = listener::unix_socket(executor, dir / "vm");
    const std::vector<std::pair<std::string, flow::error_code>> answers = {
        {"", errc::unavailable},
        {"OK 1", errc::unavailable},
        {"OK \n", errc::protocol},
        {"OK x\n", errc::protocol},
        {"\n", errc::protocol},
        {"OK\n", errc::protocol},
        {"NO 5\n", errc::protocol},
        {"OK 5 \n", errc::protocol},
        {"OK 00000000000000000000000000000000\n", errc::protocol},
        {std::string(1000, '5'), errc::protocol}};
    for (const auto& [reply, expected] : answers) {
      started answering(executor, answer_hybrid(*l, reply));
      const auto connected = co_await flow::connect_hybrid(executor, dir / "vm", 7, 1h);
      EXPECT_EQ(connected.error().code(), expected) << reply;
      co_await answering.wait();
    }
  });
}

TEST(HybridSocket, ConnectHonoursItsDeadlineWhenNoAnswerComes) {
  co_test([](auto executor) -> awaitable<void> {
    const temporary_directory dir;
    auto l = listener::unix_socket(executor, dir / "vm");
    const auto connected = co_await flow::connect_hybrid(executor, dir / "vm", 7, 5ms);
    EXPECT_EQ(connected.error().code(), errc::timed_out);
  });
}

TEST(HybridSocket, ListensWhereTheHypervisorConnects) {
  co_test([](auto executor) -> awaitable<void> {
    const temporary_directory dir;
    auto l = listener::hybrid(executor, dir / "vm", 5000);
    EXPECT_EQ(l->local_address().port, 5000U);
    co_await connect_and_exchange(
        *l, [&] { return flow::connect_unix(executor, dir / "vm_5000", 1h); });
  });
}

TEST(Vsock, ConnectsAndAcceptsOverLoopback) {
  if (const auto reason = why_no_vsock_loopback(); !reason.empty()) {
    GTEST_SKIP() << "no vsock loopback here: " << reason;
  }
  co_test([](auto executor) -> awaitable<void> {
    flow::vsock_options o;
    o.buffer_size = 1U << 20U;
    auto l = listener::vsock(executor, {}, o);
    const auto port = l->local_address().port;
    EXPECT_NE(port, vsock_address::any);
    co_await connect_and_exchange(
        *l, [&] { return flow::connect_vsock(executor, {vsock_address::local, port}, 1h, o); });
    started accepting(executor, l->accept());
    const auto again = co_await flow::connect_vsock(executor, {vsock_address::local, port}, 1h, o);
    co_await accepting.wait();
    EXPECT_EQ((*accepting)->peer.cid, vsock_address::local);
  });
}

TEST(Vsock, ListensOnAPortOfItsOwnOrOneThatTheSystemChooses) {
  co_test([](auto executor) -> awaitable<void> {
    auto chosen = listener::vsock(executor, {});
    if (!chosen) {
      co_return;  // no AF_VSOCK at all; the test above says so
    }
    EXPECT_NE(chosen->local_address().port, vsock_address::any);
    const vsock_address same{vsock_address::any, chosen->local_address().port};
    const auto taken = listener::vsock(executor, same);
    EXPECT_EQ(taken.error().code().value(), EADDRINUSE);
    EXPECT_NE(taken.error().message().find(flow::to_string(same)), std::string::npos);
  });
}

TEST(Vsock, ConnectHonoursItsDeadlineOrFailsAtOnce) {
  co_test([](auto executor) -> awaitable<void> {
    // A guest that does not exist: some transports refuse, others stay silent.
    const auto connected = co_await flow::connect_vsock(executor, {0x7ffffffe, 1}, 20ms);
    EXPECT_FALSE(connected);
    EXPECT_NE(connected.error().message().find("connect vsock:2147483646:1"), std::string::npos);
  });
}

TEST(Vsock, AddressesAreFullUnsignedNumbers) {
  EXPECT_EQ(flow::to_string({vsock_address::host, 0xfffffffe}), "vsock:2:4294967294");
  EXPECT_LT((vsock_address{2, 5}), (vsock_address{2, 6}));
}
