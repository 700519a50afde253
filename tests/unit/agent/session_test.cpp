#include "agent/session/session.hpp"

#include <gtest/gtest.h>

#include <chrono>

#include "agent/session/clock.hpp"
#include "hvsock/agent/v1/agent.ttrpc.hpp"
#include "runtime_api/ttrpc/client.hpp"
#include "tests/unit/agent/fake_shim.hpp"
#include "tests/unit/flow/stream_fixture.hpp"

using flow::awaitable;
using namespace tests;
namespace api = hvsock::agent::v1;

namespace {

using ending = flow::result<void>;

// The agent after boot, with a shim that has taken its connection.
struct bench {
  explicit bench(const boost::asio::any_io_executor& e)
      : executor(e),
        log(STDERR_FILENO, flow::log::level::error),
        shim(executor),
        dialer(executor, shim.dialer()),
        session(executor, agent::serve_shim(executor, dialer, 5, log)) {}

  awaitable<void> connected() {
    while (shim.dialled == 0) {
      co_await turns(executor, 1);
    }
    co_await turns(executor);
  }

  boost::asio::any_io_executor executor;
  flow::log log;
  fake_shim shim;
  agent::shim_dialer dialer;
  started<ending> session;
};

}  // namespace

TEST(Session, AnswersTheShimAndEndsWithItsConnection) {
  co_test([](auto executor) -> awaitable<void> {
    bench b(executor);
    co_await b.connected();
    ttrpc::client client(executor, ttrpc::make_byte_stream(b.shim.first()), b.log);
    api::agent_client agent(client);
    api::HelloRequest hello;
    hello.set_protocol(1);
    hello.set_wall_clock(
        std::chrono::nanoseconds(std::chrono::system_clock::now().time_since_epoch()).count());
    const auto answer = co_await agent.hello(hello);
    EXPECT_TRUE(answer) << answer.error().message();
    EXPECT_EQ(answer->init_entered(), 5U);
    EXPECT_LE(answer->connected(), agent::milliseconds_since_boot());
    EXPECT_FALSE(b.session.done());
    client.close();
    co_await client.join();
    co_await b.session.wait();
    EXPECT_TRUE(*b.session) << b.session->error().message();
  });
}

TEST(Session, EndsThoughSomebodyListensToTheEvents) {
  co_test([](auto executor) -> awaitable<void> {
    bench b(executor);
    co_await b.connected();
    ttrpc::client client(executor, ttrpc::make_byte_stream(b.shim.first()), b.log);
    api::agent_client agent(client);
    const api::EventsRequest all;
    auto events = agent.events(all);
    co_await turns(executor);
    client.close();
    co_await client.join();
    co_await b.session.wait();
    EXPECT_TRUE(*b.session) << b.session->error().message();
  });
}

TEST(Session, EndsWhenTheConnectionBreaks) {
  co_test([](auto executor) -> awaitable<void> {
    bench b(executor);
    co_await b.connected();
    b.shim.first_link().reset();
    co_await b.session.wait();
    EXPECT_TRUE(*b.session) << b.session->error().message();
  });
}

TEST(Session, NonsenseDoesNotKeepItFromEnding) {
  co_test([](auto executor) -> awaitable<void> {
    bench b(executor);
    co_await b.connected();
    const std::string nonsense(4096, '\xff');
    co_await b.shim.first().write(boost::asio::buffer(nonsense));
    co_await turns(executor);
    b.shim.first().abort();
    co_await b.session.wait();
    EXPECT_TRUE(*b.session) << b.session->error().message();
  });
}
