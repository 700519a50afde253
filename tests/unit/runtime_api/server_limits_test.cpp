// The bounds on what one client can make a server hold.
#include <boost/asio/post.hpp>

#include "tests/support/co_test.hpp"
#include "tests/unit/runtime_api/test_service.hpp"

using flow::awaitable;
using tests::co_test;
using tests::data_type;
using tests::raw_frame;
using tests::test_client;
using tests::test_server;

namespace {

// Runs everything that can run without new input from outside.
awaitable<void> settle(boost::asio::any_io_executor executor) {
  for (int i = 0; i < 1000; ++i) {
    co_await boost::asio::post(executor, boost::asio::use_awaitable);
  }
}

std::string request_bytes(std::uint32_t id, std::string method, std::string payload) {
  ttrpc::Request request;
  request.set_service("tests.rpc.Test");
  request.set_method(std::move(method));
  request.set_payload(std::move(payload));
  return tests::raw_bytes(
      {.id = id, .type = tests::request_type, .payload = request.SerializeAsString()});
}

}  // namespace

TEST(TtrpcServerLimits, MoreCallsThanAllowedAreRefusedUntilOneEnds) {
  co_test([](auto executor) -> awaitable<void> {
    ttrpc::limits allowed;
    allowed.calls = 2;
    test_server server(executor, allowed);
    auto peer = server.connect_raw();
    co_await peer.request(1, "Wait");
    co_await peer.request(3, "Wait");
    co_await peer.request(5, "Echo");
    const auto refused = co_await peer.receive_response(5);
    EXPECT_EQ(refused.status().code(), 8);
    EXPECT_EQ(refused.status().message(), "too many calls on this connection");
    server.service.release();
    co_await peer.receive();
    co_await peer.receive();
    co_await peer.request(7, "Echo");
    const auto served = co_await peer.receive_response(7);
    EXPECT_FALSE(served.has_status());
    co_await server.stop();
  });
}

TEST(TtrpcServerLimits, ClientThatDoesNotReadIsNotReadFromAndHarmsOnlyItself) {
  co_test([](auto executor) -> awaitable<void> {
    ttrpc::limits allowed;
    allowed.queued_bytes = 100'000;
    test_server server(executor, allowed);
    auto greedy = server.connect_raw();
    // Far more responses than the socket and the queue can hold.
    constexpr std::uint32_t calls = 200;
    std::string requests;
    for (std::uint32_t i = 0; i < calls; ++i) {
      requests += request_bytes(2 * i + 1, "Fill", tests::number(50'000).SerializeAsString());
    }
    requests += request_bytes(2 * calls + 1, "Wait", "");
    co_await greedy.send_bytes(std::move(requests));
    co_await settle(executor);
    EXPECT_EQ(server.service.waiting(), 0U) << "the server read on";

    test_client other(server);
    const auto answer = co_await other.test.echo(tests::text("served"));
    EXPECT_TRUE(answer.has_value());

    for (std::uint32_t i = 0; i < calls; ++i) {
      const auto response = co_await greedy.receive_response(2 * i + 1);
      EXPECT_EQ(response.payload().size(), 50'004U);
    }
    co_await server.service.until_waiting(1);
    co_await other.stop();
    co_await server.stop();
  });
}

TEST(TtrpcServerLimits, WriterOfAStreamWaitsForAClientThatDoesNotRead) {
  co_test([](auto executor) -> awaitable<void> {
    ttrpc::limits allowed;
    allowed.queued_bytes = 1000;
    test_server server(executor, allowed);
    auto peer = server.connect_raw();
    constexpr std::int64_t messages = 200'000;
    co_await peer.request(1, "Count", tests::number(messages).SerializeAsString(), 1);
    co_await settle(executor);
    std::int64_t received = 0;
    for (;;) {
      const auto frame = co_await peer.receive();
      EXPECT_TRUE(frame.has_value());
      if (frame->flags != 0) {
        break;
      }
      tests::rpc::Number n;
      EXPECT_TRUE(n.ParseFromString(frame->payload));
      EXPECT_EQ(n.value(), ++received);
    }
    EXPECT_EQ(received, messages);
    co_await server.stop();
  });
}

TEST(TtrpcServerLimits, WriterThatWaitsIsReleasedWhenTheClientGoes) {
  co_test([](auto executor) -> awaitable<void> {
    ttrpc::limits allowed;
    allowed.queued_bytes = 1000;
    test_server server(executor, allowed);
    {
      auto peer = server.connect_raw();
      co_await peer.request(1, "Count", tests::number(1'000'000'000).SerializeAsString(), 1);
      co_await peer.receive();
      co_await settle(executor);
    }
    co_await server.server.join();
    EXPECT_EQ(server.server.connections(), 0U);
  });
}

TEST(TtrpcServerLimits, StreamWhoseHandlerDoesNotReadFailsAfterAWhileAlone) {
  co_test([](auto executor) -> awaitable<void> {
    ttrpc::limits allowed;
    allowed.stream_messages = 4;
    allowed.stream_stall = std::chrono::milliseconds(1);
    test_server server(executor, allowed);
    auto peer = server.connect_raw();
    co_await peer.request(1, "Chat", "", 2);
    for (int i = 0; i < 10; ++i) {
      raw_frame data{
          .id = 1, .type = data_type, .payload = tests::text("wait").SerializeAsString()};
      co_await peer.send(std::move(data));
    }
    const auto response = co_await peer.receive_response(1);
    EXPECT_EQ(response.status().code(), 8);
    EXPECT_EQ(response.status().message(), "ttrpc: stream buffer full");
    co_await server.service.until_cancelled(1);
    for (int i = 0; i < 4; ++i) {  // the frames behind it
      const auto late = co_await peer.receive_response(1);
      EXPECT_EQ(late.status().message(), "StreamID is no longer active");
    }
    co_await peer.request(3, "Echo");
    co_await peer.receive_response(3);
    co_await server.stop();
  });
}

TEST(TtrpcServerLimits, StreamWhoseHandlerReadsSlowlyLosesNothing) {
  co_test([](auto executor) -> awaitable<void> {
    ttrpc::limits allowed;
    allowed.stream_messages = 1;
    allowed.stream_stall = std::chrono::hours(1);
    test_server server(executor, allowed);
    auto peer = server.connect_raw();
    co_await peer.request(1, "Sum", "", 2);
    for (int i = 1; i <= 1000; ++i) {
      raw_frame data{.id = 1, .type = data_type, .payload = tests::number(i).SerializeAsString()};
      co_await peer.send(std::move(data));
    }
    raw_frame close{.id = 1, .type = data_type, .flags = 5};
    co_await peer.send(std::move(close));
    const auto response = co_await peer.receive_response(1);
    EXPECT_EQ(response.payload(), tests::number(500'500).SerializeAsString());
    co_await server.stop();
  });
}
