#include <boost/asio/co_spawn.hpp>
#include <optional>

#include "flow/task_group.hpp"
#include "runtime_api/ttrpc/status.hpp"
#include "tests/support/co_test.hpp"
#include "tests/unit/runtime_api/test_service.hpp"

using namespace std::chrono_literals;
using flow::awaitable;
using tests::co_test;
using tests::test_client;
using tests::test_server;
using ttrpc::code;

namespace {

// Shuts a server down concurrently with the test.
struct background_shutdown {
  background_shutdown(test_server& server, std::chrono::steady_clock::duration limit)
      : tasks(server.executor, [](const std::string&, const std::exception_ptr&) { FAIL(); }) {
    tasks.spawn("shutdown", run(server, limit));
  }

  awaitable<void> run(test_server& server, std::chrono::steady_clock::duration limit) {
    const bool clean = co_await server.server.shutdown(limit);
    in_time = clean;
  }

  std::optional<bool> in_time;
  flow::task_group tasks;
};

}  // namespace

TEST(TtrpcServerShutdown, IdleConnectionsAreClosedAtOnce) {
  co_test([](auto executor) -> awaitable<void> {
    test_server server(executor);
    auto idle = server.connect_raw();
    co_await idle.request(1, "Echo");
    co_await idle.receive_response(1);
    const bool in_time = co_await server.server.shutdown(1h);
    EXPECT_TRUE(in_time);
    const auto end = co_await idle.receive();
    EXPECT_FALSE(end.has_value());
  });
}

TEST(TtrpcServerShutdown, CallsUnderWayAreAnsweredAndNewOnesRefused) {
  co_test([](auto executor) -> awaitable<void> {
    test_server server(executor);
    auto peer = server.connect_raw();
    co_await peer.request(1, "Wait");
    co_await server.service.until_waiting(1);
    background_shutdown under_way(server, 1h);
    co_await peer.request(3, "Echo");
    const auto refused = co_await peer.receive_response(3);
    EXPECT_EQ(refused.status().code(), 14);
    EXPECT_EQ(refused.status().message(), "server is shutting down");
    EXPECT_FALSE(under_way.in_time.has_value());
    server.service.release();
    const auto answered = co_await peer.receive_response(1);
    EXPECT_FALSE(answered.has_status());
    const auto end = co_await peer.receive();
    EXPECT_FALSE(end.has_value());
    co_await under_way.tasks.join();
    EXPECT_EQ(under_way.in_time, true);
  });
}

TEST(TtrpcServerShutdown, LongResponseLeavesBeforeTheConnectionCloses) {
  co_test([](auto executor) -> awaitable<void> {
    ttrpc::limits allowed;
    allowed.queued_bytes = 8'000'000;  // so that the request behind the long response is read
    test_server server(executor, allowed);
    auto peer = server.connect_raw();
    co_await peer.request(1, "Fill", tests::number(4'000'000).SerializeAsString());
    co_await peer.request(3, "Wait");
    co_await server.service.until_waiting(1);
    server.service.release();
    co_await server.service.until_waiting(0);  // everything is answered, and little has been sent
    background_shutdown under_way(server, 1h);
    const auto filled = co_await peer.receive_response(1);
    EXPECT_EQ(filled.payload().size(), 4'000'005U);
    co_await peer.receive_response(3);
    co_await under_way.tasks.join();
    EXPECT_EQ(under_way.in_time, true);
  });
}

TEST(TtrpcServerShutdown, WhatTakesTooLongIsCancelled) {
  co_test([](auto executor) -> awaitable<void> {
    test_server server(executor);
    auto peer = server.connect_raw();
    co_await peer.request(1, "Wait");
    co_await server.service.until_waiting(1);
    const bool in_time = co_await server.server.shutdown(1ms);
    EXPECT_FALSE(in_time);
    co_await server.service.until_cancelled(1);
    EXPECT_EQ(server.server.connections(), 0U);
  });
}

TEST(TtrpcServerShutdown, ClientThatDoesNotReadCannotHoldItUp) {
  co_test([](auto executor) -> awaitable<void> {
    ttrpc::limits allowed;
    allowed.queued_bytes = 8'000'000;  // so that the request behind the long response is read
    test_server server(executor, allowed);
    auto peer = server.connect_raw();
    co_await peer.request(1, "Fill", tests::number(4'000'000).SerializeAsString());
    co_await peer.request(3, "Wait");
    co_await server.service.until_waiting(1);
    server.service.release();
    const bool in_time = co_await server.server.shutdown(1ms);
    EXPECT_FALSE(in_time);
  });
}

TEST(TtrpcServerShutdown, ConnectionsThatComeLaterAreClosed) {
  co_test([](auto executor) -> awaitable<void> {
    test_server server(executor);
    co_await server.server.shutdown(1h);
    auto late = server.connect_raw();
    const auto end = co_await late.receive();
    EXPECT_FALSE(end.has_value());
    co_await server.server.join();
  });
}

TEST(TtrpcServerShutdown, CloseCancelsEverythingAtOnce) {
  co_test([](auto executor) -> awaitable<void> {
    test_server server(executor);
    test_client client(server);
    auto peer = server.connect_raw();
    co_await peer.request(1, "Wait");
    co_await server.service.until_waiting(1);
    server.server.close();
    co_await server.server.join();
    EXPECT_EQ(server.service.last_cancel_reason(), "connection closed: cancelled");
    const auto answer = co_await client.test.echo(tests::text("x"));
    EXPECT_EQ(answer.error().code(), code::unavailable);
    co_await client.stop();
  });
}

TEST(TtrpcServerShutdown, RunReturnsWhenItsConnectionHasEnded) {
  co_test([](auto executor) -> awaitable<void> {
    test_server server(executor);
    auto pair = tests::make_stream_pair(executor);
    pair.client->close();
    co_await server.server.run(std::move(pair.server));
    EXPECT_EQ(server.server.connections(), 0U);
  });
}
