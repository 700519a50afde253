// The protocol's requirements for a server, line by line, with a client driven by hand.
#include "tests/support/co_test.hpp"
#include "tests/unit/runtime_api/test_service.hpp"

using flow::awaitable;
using tests::co_test;
using tests::data_type;
using tests::raw_frame;
using tests::raw_peer;
using tests::request_type;
using tests::test_server;

namespace {

constexpr std::uint8_t remote_closed = 1;
constexpr std::uint8_t remote_open = 2;
constexpr std::uint8_t no_data = 4;

std::string payload(std::string text) {
  return tests::text(std::move(text)).SerializeAsString();
}

std::string text_of(const ttrpc::Response& response) {
  tests::rpc::Payload p;
  EXPECT_TRUE(p.ParseFromString(response.payload()));
  return p.text();
}

awaitable<void> expect_status(raw_peer& peer, std::uint32_t id, int code, std::string message) {
  const auto response = co_await peer.receive_response(id);
  EXPECT_EQ(response.status().code(), code);
  EXPECT_EQ(response.status().message(), message);
}

// The connection still serves, and nothing else was queued.
awaitable<void> expect_usable(raw_peer& peer, std::uint32_t id) {
  co_await peer.request(id, "Echo", payload("still here"));
  const auto response = co_await peer.receive_response(id);
  EXPECT_EQ(text_of(response), "still here");
}

}  // namespace

TEST(TtrpcServerRules, UnaryRequestIsAnswered) {
  co_test([](auto executor) -> awaitable<void> {
    test_server server(executor);
    auto peer = server.connect_raw();
    co_await peer.request(1, "Echo", payload("hello"));
    const auto response = co_await peer.receive_response(1);
    EXPECT_FALSE(response.has_status());
    EXPECT_EQ(text_of(response), "hello");
    co_await server.stop();
  });
}

TEST(TtrpcServerRules, UnaryRequestMaySayThatTheRemoteIsClosed) {
  co_test([](auto executor) -> awaitable<void> {
    test_server server(executor);
    auto peer = server.connect_raw();
    co_await peer.request(1, "Echo", payload("hello"), remote_closed);
    const auto response = co_await peer.receive_response(1);
    EXPECT_EQ(text_of(response), "hello");
    co_await server.stop();
  });
}

TEST(TtrpcServerRules, OversizedMessageIsRefusedAndTheConnectionStaysUsable) {
  co_test([](auto executor) -> awaitable<void> {
    test_server server(executor);
    auto peer = server.connect_raw();
    raw_frame frame{.id = 1, .type = request_type, .payload = std::string(4194305, 'x')};
    co_await peer.send(std::move(frame));
    co_await expect_status(peer, 1, 8,
                           "message length 4194305 exceed maximum message size of 4194304");
    co_await expect_usable(peer, 1);
    co_await server.stop();
  });
}

TEST(TtrpcServerRules, LongestMessageIsServed) {
  co_test([](auto executor) -> awaitable<void> {
    test_server server(executor);
    auto peer = server.connect_raw();
    ttrpc::Request request;
    request.set_service("tests.rpc.Test");
    request.set_method("Fail");
    tests::rpc::Failure failure;
    failure.set_code(6);
    failure.set_message(std::string(4194304 - request.ByteSizeLong() - 12, 'm'));
    request.set_payload(failure.SerializeAsString());
    raw_frame frame{.id = 1, .type = request_type, .payload = request.SerializeAsString()};
    EXPECT_EQ(frame.payload.size(), 4194304U);
    co_await peer.send(std::move(frame));
    const auto response = co_await peer.receive_response(1);
    EXPECT_EQ(response.status().code(), 6);
    co_await server.stop();
  });
}

TEST(TtrpcServerRules, EvenStreamIdIsRefused) {
  co_test([](auto executor) -> awaitable<void> {
    test_server server(executor);
    auto peer = server.connect_raw();
    for (const std::uint32_t id : {0U, 2U, 0xfffffffeU}) {
      co_await peer.request(id, "Echo", payload("x"));
      co_await expect_status(peer, id, 3, "StreamID must be odd for client initiated streams");
    }
    raw_frame data{.id = 4, .type = data_type};
    co_await peer.send(std::move(data));
    co_await expect_status(peer, 4, 3, "StreamID must be odd for client initiated streams");
    co_await expect_usable(peer, 1);
    co_await server.stop();
  });
}

TEST(TtrpcServerRules, StreamIdMustIncrease) {
  co_test([](auto executor) -> awaitable<void> {
    test_server server(executor);
    auto peer = server.connect_raw();
    co_await expect_usable(peer, 7);
    for (const std::uint32_t id : {7U, 5U, 1U}) {
      co_await peer.request(id, "Echo", payload("x"));
      co_await expect_status(peer, id, 3, "StreamID cannot be re-used and must increment");
    }
    co_await expect_usable(peer, 0xffffffff);
    co_await server.stop();
  });
}

TEST(TtrpcServerRules, RefusedRequestUsesItsIdUp) {
  co_test([](auto executor) -> awaitable<void> {
    test_server server(executor);
    auto peer = server.connect_raw();
    co_await peer.request(3, "Nope");
    co_await expect_status(peer, 3, 12, "method Nope");
    co_await peer.request(3, "Echo");
    co_await expect_status(peer, 3, 3, "StreamID cannot be re-used and must increment");
    co_await server.stop();
  });
}

TEST(TtrpcServerRules, ReusedIdDoesNotDisturbTheCallThatHasIt) {
  co_test([](auto executor) -> awaitable<void> {
    test_server server(executor);
    auto peer = server.connect_raw();
    co_await peer.request(1, "Wait", payload("mine"));
    co_await peer.request(1, "Echo", payload("other"));
    co_await expect_status(peer, 1, 3, "StreamID cannot be re-used and must increment");
    server.service.release();
    const auto response = co_await peer.receive_response(1);
    EXPECT_EQ(text_of(response), "mine");
    co_await server.stop();
  });
}

TEST(TtrpcServerRules, DataOnAnUnknownStreamIsRefused) {
  co_test([](auto executor) -> awaitable<void> {
    test_server server(executor);
    auto peer = server.connect_raw();
    raw_frame never{.id = 1, .type = data_type, .payload = "x"};
    co_await peer.send(std::move(never));
    co_await expect_status(peer, 1, 3, "StreamID is no longer active");
    co_await expect_usable(peer, 1);
    raw_frame over{.id = 1, .type = data_type, .flags = remote_closed | no_data};
    co_await peer.send(std::move(over));
    co_await expect_status(peer, 1, 3, "StreamID is no longer active");
    co_await server.stop();
  });
}

TEST(TtrpcServerRules, ClosingFrameMustNotCarryData) {
  co_test([](auto executor) -> awaitable<void> {
    test_server server(executor);
    auto peer = server.connect_raw();
    co_await peer.request(1, "Sum", "", remote_open);
    raw_frame data{.id = 1,
                   .type = data_type,
                   .flags = remote_closed,
                   .payload = tests::number(4).SerializeAsString()};
    co_await peer.send(std::move(data));
    co_await expect_status(peer, 1, 3, "data close message cannot include data");
    co_await expect_usable(peer, 3);
    co_await server.stop();
  });
}

TEST(TtrpcServerRules, DataAfterTheCloseIsRefused) {
  co_test([](auto executor) -> awaitable<void> {
    test_server server(executor);
    auto peer = server.connect_raw();
    co_await peer.request(1, "Chat", "", remote_open);
    raw_frame wait{.id = 1, .type = data_type, .payload = payload("wait")};
    co_await peer.send(std::move(wait));
    raw_frame close{.id = 1, .type = data_type, .flags = remote_closed | no_data};
    co_await peer.send(close);
    co_await peer.send(close);  // a second time is harmless
    raw_frame late{.id = 1, .type = data_type, .payload = payload("late")};
    co_await peer.send(std::move(late));
    co_await expect_status(peer, 1, 3, "data handling error: ttrpc: stream closed");
    co_await server.service.until_cancelled(1);
    co_await expect_usable(peer, 3);
    co_await server.stop();
  });
}

TEST(TtrpcServerRules, EmptyDataFrameWithoutTheNoDataFlagIsAMessage) {
  co_test([](auto executor) -> awaitable<void> {
    test_server server(executor);
    auto peer = server.connect_raw();
    co_await peer.request(1, "Chat", "", remote_open);
    raw_frame empty{.id = 1, .type = data_type, .flags = remote_closed};
    co_await peer.send(std::move(empty));
    const auto echo = co_await peer.receive();
    EXPECT_EQ(echo->type, data_type);
    EXPECT_EQ(echo->flags, 0);
    EXPECT_EQ(echo->payload, "");
    const auto end = co_await peer.receive();
    EXPECT_EQ(end->type, data_type);
    EXPECT_EQ(end->flags, remote_closed | no_data);
    co_await server.stop();
  });
}

TEST(TtrpcServerRules, PayloadOfAStreamingRequestIsTheFirstMessage) {
  co_test([](auto executor) -> awaitable<void> {
    test_server server(executor);
    auto peer = server.connect_raw();
    co_await peer.request(1, "Sum", tests::number(5).SerializeAsString(), remote_open);
    raw_frame more{.id = 1, .type = data_type, .payload = tests::number(6).SerializeAsString()};
    co_await peer.send(std::move(more));
    raw_frame close{.id = 1, .type = data_type, .flags = remote_closed | no_data};
    co_await peer.send(std::move(close));
    const auto response = co_await peer.receive_response(1);
    EXPECT_EQ(response.payload(), tests::number(11).SerializeAsString());

    co_await peer.request(3, "Sum", tests::number(5).SerializeAsString(), remote_closed);
    const auto alone = co_await peer.receive_response(3);
    EXPECT_EQ(alone.payload(), tests::number(5).SerializeAsString());
    co_await server.stop();
  });
}

TEST(TtrpcServerRules, DataForAMethodThatTakesNoStreamIsIgnored) {
  co_test([](auto executor) -> awaitable<void> {
    test_server server(executor);
    auto peer = server.connect_raw();
    co_await peer.request(1, "Wait", payload("mine"), remote_open);
    for (const std::uint8_t flags : {std::uint8_t{0}, remote_closed, no_data}) {
      raw_frame data{.id = 1, .type = data_type, .flags = flags, .payload = payload("stray")};
      co_await peer.send(std::move(data));
    }
    co_await expect_usable(peer, 3);
    server.service.release();
    const auto response = co_await peer.receive_response(1);
    EXPECT_EQ(text_of(response), "mine");
    co_await server.stop();
  });
}

TEST(TtrpcServerRules, UndecodableRequestIsRefused) {
  co_test([](auto executor) -> awaitable<void> {
    test_server server(executor);
    auto peer = server.connect_raw();
    raw_frame frame{.id = 1, .type = request_type, .payload = "\x0a\x7f not that long"};
    co_await peer.send(std::move(frame));
    co_await expect_status(peer, 1, 3, "unmarshal request error: invalid wire format");
    co_await expect_usable(peer, 3);
    co_await server.stop();
  });
}

TEST(TtrpcServerRules, WhatDoesNotExistIsUnimplemented) {
  co_test([](auto executor) -> awaitable<void> {
    test_server server(executor);
    auto peer = server.connect_raw();
    raw_frame empty{.id = 1, .type = request_type};
    co_await peer.send(std::move(empty));
    co_await expect_status(peer, 1, 12, "service ");
    co_await peer.request(3, "Echo", "", 0, "foo.Bar");
    co_await expect_status(peer, 3, 12, "service foo.Bar");
    co_await peer.request(5, "Nope");
    co_await expect_status(peer, 5, 12, "method Nope");
    co_await peer.request(7, "");
    co_await expect_status(peer, 7, 12, "method ");
    co_await expect_usable(peer, 9);
    co_await server.stop();
  });
}

TEST(TtrpcServerRules, UndecodablePayloadIsInternal) {
  co_test([](auto executor) -> awaitable<void> {
    test_server server(executor);
    auto peer = server.connect_raw();
    co_await peer.request(1, "Echo", "\xff\xff\xff");
    co_await expect_status(peer, 1, 13, "ttrpc: error unmarshalling payload: invalid wire format");
    co_await peer.request(3, "Echo", "\x0a\x01\xff");  // a string that is not UTF-8
    co_await expect_status(peer, 3, 13, "ttrpc: error unmarshalling payload: invalid wire format");
    co_await peer.request(5, "Count", "\xff", remote_closed);
    co_await expect_status(peer, 5, 13, "ttrpc: error unmarshalling payload: invalid wire format");
    co_await peer.request(7, "Sum", "\xff", remote_closed);
    co_await expect_status(peer, 7, 13, "ttrpc: error unmarshalling payload: invalid wire format");
    co_await expect_usable(peer, 9);
    co_await server.stop();
  });
}

TEST(TtrpcServerRules, UnknownMessageTypeIsIgnored) {
  co_test([](auto executor) -> awaitable<void> {
    test_server server(executor);
    auto peer = server.connect_raw();
    for (const std::uint8_t type : std::initializer_list<std::uint8_t>{0, 2, 4, 255}) {
      raw_frame frame{.id = 1, .type = type, .flags = 255, .payload = "whatever"};
      co_await peer.send(std::move(frame));
    }
    co_await expect_usable(peer, 1);
    co_await server.stop();
  });
}

TEST(TtrpcServerRules, ResponseAboveTheLimitIsAnsweredResourceExhausted) {
  co_test([](auto executor) -> awaitable<void> {
    test_server server(executor);
    auto peer = server.connect_raw();
    co_await peer.request(1, "Fill", tests::number(4194304).SerializeAsString());
    co_await expect_status(peer, 1, 8,
                           "message length 4194314 exceed maximum message size of 4194304");
    co_await expect_usable(peer, 3);
    co_await server.stop();
  });
}

TEST(TtrpcServerRules, StatusTextIsUtf8) {
  co_test([](auto executor) -> awaitable<void> {
    test_server server(executor);
    auto peer = server.connect_raw();
    ttrpc::Request request;
    request.set_service("tests.rpc.Test");
    co_await peer.request(1, "Nope\n\x7f");
    co_await expect_status(peer, 1, 12, "method Nope\n\x7f");
    co_await server.stop();
  });
}

TEST(TtrpcServerRules, ServerStreamEndsWithAClosingFrameOrAStatus) {
  co_test([](auto executor) -> awaitable<void> {
    test_server server(executor);
    auto peer = server.connect_raw();
    co_await peer.request(1, "Count", tests::number(1).SerializeAsString(), remote_closed);
    const auto one = co_await peer.receive();
    EXPECT_EQ(one->type, data_type);
    EXPECT_EQ(one->flags, 0);
    EXPECT_EQ(one->payload, tests::number(1).SerializeAsString());
    const auto end = co_await peer.receive();
    EXPECT_EQ(end->id, 1U);
    EXPECT_EQ(end->type, data_type);
    EXPECT_EQ(end->flags, remote_closed | no_data);
    EXPECT_EQ(end->payload, "");

    co_await peer.request(3, "Count", tests::number(-1).SerializeAsString(), remote_closed);
    const auto last = co_await peer.receive();
    EXPECT_EQ(last->type, data_type);
    co_await expect_status(peer, 3, 10, "counted enough");
    co_await server.stop();
  });
}
