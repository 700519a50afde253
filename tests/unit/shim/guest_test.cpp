#include "shim/sandbox/guest.hpp"

#include <gtest/gtest.h>

#include "runtime_api/ttrpc/status.hpp"
#include "shim/config/limits.hpp"
#include "tests/support/fake_agent.hpp"
#include "tests/support/fake_machine.hpp"
#include "tests/support/fixture_test.hpp"
#include "tests/support/settle.hpp"
#include "tests/support/timed.hpp"

using flow::awaitable;
using flow::errc;
using namespace std::chrono_literals;
using shim::guest;
using tests::fixture_test;
using tests::settle;
namespace api = hvsock::agent::v1;

namespace {

struct guest_fixture {
  explicit guest_fixture(const boost::asio::any_io_executor& ex)
      : executor(ex),
        log(-1),
        machine(ex),
        agent(ex, machine),
        guest(
            ex, machine,
            [this](const api::Event& event) {
              if (event.has_exit()) {
                exits.push_back(event.exit());
              }
            },
            log) {}

  awaitable<void> connect() {
    agent.boot();
    const auto connected = co_await guest.connect(60s);
    EXPECT_TRUE(connected) << connected.error().message();
  }

  awaitable<void> end() {
    machine.kill();
    co_await guest.join();
    co_await agent.stop();
  }

  boost::asio::any_io_executor executor;
  flow::log log;
  tests::fake_machine machine;
  tests::fake_agent agent;
  std::vector<api::ProcessExit> exits;
  shim::guest guest;
};

using timed_fixture = tests::timed<guest_fixture>;

// Something that is not a frame.
void send_garbage(flow::transport& to) {
  std::string garbage(64, '\xfe');
  const iovec part{garbage.data(), garbage.size()};
  flow::error_code ec;
  EXPECT_EQ(to.write_some({&part, 1}, ec), garbage.size());
}

// Whether our end of it was closed.
awaitable<void> expect_refused(flow::stream& stream) {
  std::string buffer(16, '\0');
  const auto n = co_await stream.read_some(flow::asio::buffer(buffer));
  EXPECT_FALSE(n) << "something was sent to a stranger";
}

}  // namespace

TEST(Guest, AgentIsGreetedWithTheTimeAndEntropyOfTheHost) {
  fixture_test<guest_fixture>([](guest_fixture& b) -> awaitable<void> {
    co_await b.connect();
    EXPECT_EQ(b.agent.last_hello.protocol(), 1U);
    EXPECT_GT(b.agent.last_hello.wall_clock(), 1'600'000'000'000'000'000);
    EXPECT_EQ(b.agent.last_hello.entropy().size(), 64U);
    EXPECT_NE(b.agent.last_hello.entropy(), std::string(64, '\0'));
  });
}

TEST(Guest, AgentOfAnotherProtocolIsRefusedWithBothVersions) {
  fixture_test<guest_fixture>([](guest_fixture& b) -> awaitable<void> {
    b.agent.protocol = 7;
    b.agent.boot();
    const auto connected = co_await b.guest.connect(60s);
    EXPECT_FALSE(connected);
    EXPECT_NE(connected.error().message().find("protocol 7"), std::string::npos);
  });
}

TEST(Guest, GuestThatDoesNotBootIsEndedAndItsConsoleQuoted) {
  fixture_test<guest_fixture>([](guest_fixture& b) -> awaitable<void> {
    b.machine.console = "Kernel panic - not syncing";
    const auto connected = co_await b.guest.connect(1ms);
    EXPECT_EQ(connected.error().code(), flow::error_code(errc::timed_out));
    EXPECT_NE(connected.error().message().find("Kernel panic"), std::string::npos);
    EXPECT_TRUE(b.machine.ended());
  });
}

TEST(Guest, MachineThatEndsWhileItBootsFailsTheConnectWithItsReason) {
  fixture_test<guest_fixture>([](guest_fixture& b) -> awaitable<void> {
    b.machine.end("qemu exited with status 1");
    const auto connected = co_await b.guest.connect(60s);
    EXPECT_NE(connected.error().message().find("exited with status 1"), std::string::npos);
  });
}

TEST(Guest, AgentThatRefusesTheGreetingFailsTheConnect) {
  fixture_test<guest_fixture>([](guest_fixture& b) -> awaitable<void> {
    b.agent.failures["Hello"] = flow::error(ttrpc::code::failed_precondition, "not me");
    b.agent.boot();
    const auto connected = co_await b.guest.connect(60s);
    EXPECT_NE(connected.error().message().find("not me"), std::string::npos);
  });
}

TEST(Guest, FirstConnectionThatSpeaksGarbageFailsTheConnect) {
  fixture_test<guest_fixture>([](guest_fixture& b) -> awaitable<void> {
    const auto raw = b.machine.connect();
    send_garbage(*raw);
    const auto connected = co_await b.guest.connect(60s);
    EXPECT_FALSE(connected);
  });
}

TEST(Guest, StreamWithItsTokenIsTheOneThatWasExpected) {
  fixture_test<guest_fixture>([](guest_fixture& b) -> awaitable<void> {
    co_await b.connect();
    guest::expected_stream one(b.guest);
    guest::expected_stream other(b.guest);
    EXPECT_EQ(one.token().size(), 16U);
    EXPECT_NE(one.token(), other.token());
    const auto dialled = co_await b.agent.dial(one.token() + "hello");
    auto claimed = co_await one.claim();
    EXPECT_TRUE(claimed);
    std::string got(16, '\0');
    const auto n = co_await claimed.value().read_some(flow::asio::buffer(got));
    EXPECT_EQ(got.substr(0, n.value()), "hello") << "what follows the token is the stream's";
    EXPECT_EQ(b.guest.refused(), 0U);
  });
}

TEST(Guest, TokenIsGoodForOneConnectionOnly) {
  fixture_test<guest_fixture>([](guest_fixture& b) -> awaitable<void> {
    co_await b.connect();
    guest::expected_stream expected(b.guest);
    const auto first = co_await b.agent.dial(expected.token());
    auto claimed = co_await expected.claim();
    EXPECT_TRUE(claimed);
    const auto second = co_await b.agent.dial(expected.token());
    co_await expect_refused(*second);
    EXPECT_EQ(b.guest.refused(), 1U);
  });
}

TEST(Guest, ConnectionsWithoutAValidTokenAreClosedAndCounted) {
  fixture_test<guest_fixture>([](guest_fixture& b) -> awaitable<void> {
    co_await b.connect();
    const guest::expected_stream expected(b.guest);
    auto wrong = expected.token();
    wrong.back() = static_cast<char>(wrong.back() ^ 1);
    const auto guessed = co_await b.agent.dial(wrong);
    co_await expect_refused(*guessed);
    const auto shorter = co_await b.agent.dial(expected.token().substr(0, 15));
    static_cast<void>(co_await shorter->shutdown_write());
    co_await expect_refused(*shorter);
    const auto silent = co_await b.agent.dial("");
    silent->abort();
    co_await settle(b.executor);
    EXPECT_EQ(b.guest.refused(), 3U);
  });
}

TEST(Guest, ConnectionThatDoesNotSpeakTheProtocolIsClosed) {
  fixture_test<guest_fixture>([](guest_fixture& b) -> awaitable<void> {
    co_await b.connect();
    const auto raw = b.machine.connect();
    send_garbage(*raw);
    co_await settle(b.executor);
    EXPECT_EQ(b.guest.refused(), 1U);
  });
}

TEST(Guest, TokenOfAStreamThatIsNotWantedAnyMoreIsWorthless) {
  fixture_test<guest_fixture>([](guest_fixture& b) -> awaitable<void> {
    co_await b.connect();
    std::string token;
    {
      const guest::expected_stream expected(b.guest);
      token = expected.token();
    }
    const auto late = co_await b.agent.dial(token);
    co_await expect_refused(*late);
    EXPECT_EQ(b.guest.refused(), 1U);
  });
}

TEST(Guest, SilentConnectionsAreBoundedAndDoNotKeepOthersOutForever) {
  fixture_test<guest_fixture>([](guest_fixture& b) -> awaitable<void> {
    co_await b.connect();
    std::vector<std::unique_ptr<flow::stream>> silent;
    for (int i = 0; i < 64; ++i) {
      auto one = co_await b.agent.dial("");
      silent.push_back(std::move(one));
    }
    co_await settle(b.executor);
    EXPECT_EQ(b.guest.refused(), 0U);
    const auto one_more = co_await b.agent.dial("");
    co_await expect_refused(*one_more);
    EXPECT_EQ(b.guest.refused(), 1U);
    silent.clear();
    co_await settle(b.executor);
    EXPECT_EQ(b.guest.refused(), 65U);
    guest::expected_stream expected(b.guest);
    const auto dialled = co_await b.agent.dial(expected.token());
    const auto claimed = co_await expected.claim();
    EXPECT_TRUE(claimed);
  });
}

TEST(Guest, ExitsAreHeardInOrder) {
  fixture_test<guest_fixture>([](guest_fixture& b) -> awaitable<void> {
    co_await b.connect();
    b.agent.exit(5, 1);
    b.agent.say(api::Event());
    b.agent.exit(6, 2);
    co_await b.agent.until_called("Events");
    co_await settle(b.executor);
    EXPECT_EQ(b.exits.size(), 2U);
    if (b.exits.size() == 2) {
      EXPECT_EQ(b.exits.at(0).process(), 5U);
      EXPECT_EQ(b.exits.at(1).process(), 6U);
    }
  });
}

TEST(Guest, LostControlConnectionFailsCallsAndClaims) {
  fixture_test<guest_fixture>([](guest_fixture& b) -> awaitable<void> {
    co_await b.connect();
    guest::expected_stream expected(b.guest);
    b.agent.hang_up();
    co_await b.guest.wait_lost();
    const auto claimed = co_await expected.claim();
    EXPECT_EQ(claimed.error().code(), flow::error_code(errc::closed));
    const auto called = co_await b.guest.agent().status(api::StatusRequest());
    EXPECT_EQ(called.error().code(), flow::error_code(ttrpc::code::unavailable));
  });
}

TEST(Guest, AgentThatEndsItsEventsIsLost) {
  fixture_test<guest_fixture>([](guest_fixture& b) -> awaitable<void> {
    b.agent.failures["Events"] = flow::error(ttrpc::code::internal, "no events today");
    co_await b.connect();
    co_await b.guest.wait_lost();
  });
}

TEST(Guest, ClockIsSetHoweverOftenStreamsConnect) {
  fixture_test<timed_fixture>([](timed_fixture& b) -> awaitable<void> {
    co_await b.connect();
    for (int i = 0; i < 12; ++i) {
      guest::expected_stream expected(b.guest);
      const auto stream = co_await b.agent.dial(expected.token());
      const auto claimed = co_await expected.claim();
      EXPECT_TRUE(claimed);
      b.time.advance(10s);
      co_await settle(b.executor);
    }
    EXPECT_EQ(b.agent.called("SetClock"), 120s / shim::limits::clock_interval);
  });
}
