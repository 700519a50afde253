// The reaction of a client to a server's frames, with a server driven by hand.
#include <fcntl.h>
#include <unistd.h>

#include <optional>
#include <stop_token>

#include "flow/system/pipe.hpp"
#include "flow/task_group.hpp"
#include "runtime_api/ttrpc/status.hpp"
#include "tests/support/co_test.hpp"
#include "tests/unit/runtime_api/test_service.hpp"

using flow::awaitable;
using tests::co_test;
using tests::data_type;
using tests::raw_frame;
using tests::raw_peer;
using tests::request_type;
using tests::response_type;
using tests::test_client;
using ttrpc::code;

namespace {

constexpr std::uint8_t remote_closed = 1;
constexpr std::uint8_t remote_open = 2;
constexpr std::uint8_t no_data = 4;

// A client whose server is the test itself.
struct hand_served {
  explicit hand_served(const boost::asio::any_io_executor& executor,
                       const ttrpc::limits& allowed = ttrpc::limits())
      : hand_served(executor, tests::make_raw_connection(executor), allowed) {}

  hand_served(const boost::asio::any_io_executor& executor, tests::raw_connection connection,
              const ttrpc::limits& allowed)
      : peer(std::move(connection.peer)),
        client(executor, std::move(connection.stream), allowed),
        tasks(executor, [](const std::string&, const std::exception_ptr&) { FAIL(); }) {}

  // Starts a call concurrently with the test; its result will be in `echoed`.
  void begin_echo(std::string value) { tasks.spawn("echo", echo(std::move(value))); }

  awaitable<void> echo(std::string value) {
    const auto request = tests::text(std::move(value));
    auto answer = co_await client.test.echo(request);
    echoed.emplace(std::move(answer));
  }

  awaitable<void> stop() {
    co_await client.stop();
    co_await tasks.join();
  }

  raw_peer peer;
  test_client client;
  std::optional<flow::result<tests::rpc::Payload>> echoed;
  flow::task_group tasks;
};

std::string response_with(const google::protobuf::MessageLite& payload) {
  ttrpc::Response response;
  response.set_payload(payload.SerializeAsString());
  return response.SerializeAsString();
}

std::string failed(int number, std::string message) {
  ttrpc::Response response;
  response.mutable_status()->set_code(number);
  response.mutable_status()->set_message(std::move(message));
  return response.SerializeAsString();
}

// Answers the one call in progress with `frame`, and returns the call's result.
awaitable<flow::result<tests::rpc::Payload>> answered_with(hand_served& served, raw_frame frame) {
  served.begin_echo("x");
  const auto request = co_await served.peer.receive();
  frame.id = request ? request->id : 0;
  co_await served.peer.send(std::move(frame));
  co_await served.tasks.join();
  co_return served.echoed ? *served.echoed : flow::error(code::unknown, "no result");
}

using chat_stream = ttrpc::client_duplex<tests::rpc::Payload, tests::rpc::Payload>;

// Writes until it fails, at most `limit` times; counts.
awaitable<flow::error> write_until_failure(chat_stream& chat, std::size_t limit,
                                           std::size_t& written) {
  const auto message = tests::text(std::string(500, 'x'));
  while (written < limit) {
    const auto done = co_await chat.write(message);
    if (!done) {
      co_return done.error();
    }
    ++written;
  }
  co_return flow::error();
}

}  // namespace

TEST(TtrpcClientRules, UnaryRequestsHaveNoFlagsAndOddIncreasingIds) {
  co_test([](auto executor) -> awaitable<void> {
    hand_served served(executor);
    for (const std::uint32_t id : {1U, 3U, 5U}) {
      served.begin_echo("hello");
      const auto frame = co_await served.peer.receive();
      EXPECT_EQ(frame->id, id);
      EXPECT_EQ(frame->type, request_type);
      EXPECT_EQ(frame->flags, 0);
      ttrpc::Request request;
      EXPECT_TRUE(request.ParseFromString(frame->payload));
      EXPECT_EQ(request.service(), "tests.rpc.Test");
      EXPECT_EQ(request.method(), "Echo");
      EXPECT_EQ(request.payload(), tests::text("hello").SerializeAsString());
      EXPECT_EQ(request.timeout_nano(), 0);
      raw_frame answer{
          .id = id, .type = response_type, .payload = response_with(tests::text("hi"))};
      co_await served.peer.send(std::move(answer));
      co_await served.tasks.join();
      EXPECT_EQ(served.echoed->value().text(), "hi");
    }
    co_await served.stop();
  });
}

TEST(TtrpcClientRules, CallsThatFailBeforeTheyBeginAreNotSent) {
  co_test([](auto executor) -> awaitable<void> {
    hand_served served(executor);
    tests::rpc::Payload large;
    large.set_data(std::string(4194304, 'x'));
    const auto refused = co_await served.client.test.echo(large);
    EXPECT_EQ(refused.error().code(), code::resource_exhausted);

    const auto late = co_await served.client.test.echo(
        tests::text("x"), ttrpc::call_options(std::chrono::nanoseconds(-1)));
    EXPECT_EQ(late.error().code(), code::deadline_exceeded);

    std::stop_source stop;
    stop.request_stop();
    ttrpc::call_options options;
    options.stop = stop.get_token();
    const auto stopped = co_await served.client.test.echo(tests::text("x"), options);
    EXPECT_EQ(stopped.error().code(), code::cancelled);

    served.begin_echo("next");
    const auto frame = co_await served.peer.receive();
    EXPECT_EQ(frame->id, 1U) << "a call that was not sent has used an id up";
    EXPECT_NE(frame->payload.find("next"), std::string::npos) << "another call was sent";
    co_await served.stop();
  });
}

TEST(TtrpcClientRules, MessagesForUnknownStreamsAreIgnored) {
  co_test([](auto executor) -> awaitable<void> {
    hand_served served(executor);
    for (const std::uint32_t id : {0U, 2U, 99U}) {
      raw_frame response{
          .id = id, .type = response_type, .payload = response_with(tests::text("no"))};
      co_await served.peer.send(std::move(response));
      raw_frame data{.id = id, .type = data_type, .payload = "no"};
      co_await served.peer.send(std::move(data));
    }
    raw_frame oversized{.id = 7, .type = response_type, .payload = std::string(4194305, 'x')};
    raw_frame answer{.type = response_type, .payload = response_with(tests::text("yes"))};
    co_await served.peer.send(std::move(oversized));
    const auto echoed = co_await answered_with(served, std::move(answer));
    EXPECT_EQ(echoed.value().text(), "yes");
    co_await served.stop();
  });
}

TEST(TtrpcClientRules, UnknownMessageTypesAreIgnored) {
  co_test([](auto executor) -> awaitable<void> {
    hand_served served(executor);
    served.begin_echo("x");
    co_await served.peer.receive();
    for (const std::uint8_t type : std::initializer_list<std::uint8_t>{0, 1, 4, 255}) {
      raw_frame odd{.id = 1, .type = type, .payload = "?"};
      co_await served.peer.send(std::move(odd));
    }
    raw_frame answer{.id = 1, .type = response_type, .payload = response_with(tests::text("yes"))};
    co_await served.peer.send(std::move(answer));
    co_await served.tasks.join();
    EXPECT_EQ(served.echoed->value().text(), "yes");
    co_await served.stop();
  });
}

TEST(TtrpcClientRules, StatusBecomesTheError) {
  co_test([](auto executor) -> awaitable<void> {
    hand_served served(executor);
    raw_frame answer{.type = response_type, .payload = failed(6, "id e1: already exists")};
    const auto echoed = co_await answered_with(served, std::move(answer));
    EXPECT_EQ(echoed.error().code(), code::already_exists);
    EXPECT_EQ(echoed.error().message(), "id e1: already exists");
    co_await served.stop();
  });
}

TEST(TtrpcClientRules, StatusWithCodeZeroIsSuccess) {
  co_test([](auto executor) -> awaitable<void> {
    hand_served served(executor);
    ttrpc::Response response;
    response.mutable_status();
    response.set_payload(tests::text("fine").SerializeAsString());
    raw_frame answer{.type = response_type, .payload = response.SerializeAsString()};
    const auto echoed = co_await answered_with(served, std::move(answer));
    EXPECT_EQ(echoed.value().text(), "fine");
    co_await served.stop();
  });
}

TEST(TtrpcClientRules, OversizedResponseFailsItsCallAlone) {
  co_test([](auto executor) -> awaitable<void> {
    hand_served served(executor);
    raw_frame large{.type = response_type, .payload = std::string(4194305, 'x')};
    const auto refused = co_await answered_with(served, std::move(large));
    EXPECT_EQ(refused.error().code(), code::resource_exhausted);
    EXPECT_EQ(refused.error().context(),
              "message length 4194305 exceed maximum message size of 4194304");
    raw_frame answer{.type = response_type, .payload = response_with(tests::text("yes"))};
    const auto echoed = co_await answered_with(served, std::move(answer));
    EXPECT_EQ(echoed.value().text(), "yes");
    co_await served.stop();
  });
}

TEST(TtrpcClientRules, UndecodableResponseOrPayloadIsInternal) {
  co_test([](auto executor) -> awaitable<void> {
    hand_served served(executor);
    raw_frame no_response{.type = response_type, .payload = "\xff\xff"};
    const auto first = co_await answered_with(served, std::move(no_response));
    EXPECT_EQ(first.error().code(), code::internal);
    EXPECT_EQ(first.error().context(), "unmarshal response error: invalid wire format");
    ttrpc::Response response;
    response.set_payload("\xff\xff");
    raw_frame no_payload{.type = response_type, .payload = response.SerializeAsString()};
    const auto second = co_await answered_with(served, std::move(no_payload));
    EXPECT_EQ(second.error().code(), code::internal);
    EXPECT_EQ(second.error().context(), "ttrpc: error unmarshalling payload: invalid wire format");
    co_await served.stop();
  });
}

TEST(TtrpcClientRules, DataForAUnaryCallIsInternal) {
  co_test([](auto executor) -> awaitable<void> {
    hand_served served(executor);
    raw_frame data{.type = data_type, .payload = tests::text("x").SerializeAsString()};
    const auto echoed = co_await answered_with(served, std::move(data));
    EXPECT_EQ(echoed.error().code(), code::internal);
    co_await served.stop();
  });
}

TEST(TtrpcClientRules, StreamsAnnounceWhoStillSends) {
  co_test([](auto executor) -> awaitable<void> {
    hand_served served(executor);
    const auto out = served.client.test.count(tests::number(1));
    const auto count = co_await served.peer.receive();
    EXPECT_EQ(count->flags, remote_closed);
    auto in = served.client.test.sum();
    const auto sum = co_await served.peer.receive();
    EXPECT_EQ(sum->flags, remote_open);
    const auto written = co_await in.write(tests::number(4));
    EXPECT_TRUE(written.has_value());
    const auto data = co_await served.peer.receive();
    EXPECT_EQ(data->id, sum->id);
    EXPECT_EQ(data->type, data_type);
    EXPECT_EQ(data->flags, 0);
    EXPECT_EQ(data->payload, tests::number(4).SerializeAsString());
    auto both = served.client.test.chat();
    const auto chat = co_await served.peer.receive();
    EXPECT_EQ(chat->flags, remote_open);
    both.close_send();
    both.close_send();
    const auto close = co_await served.peer.receive();
    EXPECT_EQ(close->type, data_type);
    EXPECT_EQ(close->flags, remote_closed | no_data);
    served.begin_echo("next");
    const auto next = co_await served.peer.receive();
    EXPECT_EQ(next->type, request_type) << "closed twice";
    co_await served.stop();
  });
}

TEST(TtrpcClientRules, StreamMayEndWithAClosingFrameWithAMessage) {
  co_test([](auto executor) -> awaitable<void> {
    hand_served served(executor);
    auto out = served.client.test.count(tests::number(2));
    const auto request = co_await served.peer.receive();
    raw_frame data{.id = request->id,
                   .type = data_type,
                   .flags = remote_closed,
                   .payload = tests::number(7).SerializeAsString()};
    co_await served.peer.send(std::move(data));
    tests::rpc::Number n;
    const auto first = co_await out.read(n);
    EXPECT_EQ(first.value(), ttrpc::received::message);
    EXPECT_EQ(n.value(), 7);
    const auto end = co_await out.read(n);
    EXPECT_EQ(end.value(), ttrpc::received::end);
    co_await served.stop();
  });
}

TEST(TtrpcClientRules, StreamMayEndWithAResponseWithOrWithoutAMessage) {
  co_test([](auto executor) -> awaitable<void> {
    hand_served served(executor);
    tests::rpc::Number n;
    for (const int last : {9, 0}) {
      auto out = served.client.test.count(tests::number(2));
      const auto request = co_await served.peer.receive();
      raw_frame answer{
          .id = request->id, .type = response_type, .payload = response_with(tests::number(last))};
      co_await served.peer.send(std::move(answer));
      if (last != 0) {
        const auto got = co_await out.read(n);
        EXPECT_EQ(got.value(), ttrpc::received::message);
        EXPECT_EQ(n.value(), last);
      }
      const auto end = co_await out.read(n);
      EXPECT_EQ(end.value(), ttrpc::received::end);
    }
    co_await served.stop();
  });
}

TEST(TtrpcClientRules, StreamThatIsNotReadFailsAfterAWhileAndTheOthersGoOn) {
  co_test([](auto executor) -> awaitable<void> {
    ttrpc::limits allowed;
    allowed.stream_messages = 3;
    allowed.stream_stall = std::chrono::milliseconds(1);
    hand_served served(executor, allowed);
    auto out = served.client.test.count(tests::number(2));
    const auto request = co_await served.peer.receive();
    for (int i = 0; i < 10; ++i) {
      raw_frame data{
          .id = request->id, .type = data_type, .payload = tests::number(i).SerializeAsString()};
      co_await served.peer.send(std::move(data));
    }
    raw_frame answer{.type = response_type, .payload = response_with(tests::text("yes"))};
    const auto echoed = co_await answered_with(served, std::move(answer));
    EXPECT_EQ(echoed.value().text(), "yes");
    tests::rpc::Number n;
    for (int i = 0; i < 3; ++i) {
      const auto got = co_await out.read(n);
      EXPECT_EQ(got.value(), ttrpc::received::message);
      EXPECT_EQ(n.value(), i);
    }
    const auto end = co_await out.read(n);
    EXPECT_EQ(end.error().code(), code::resource_exhausted);
    EXPECT_EQ(end.error().context(), "ttrpc: stream buffer full");
    co_await served.stop();
  });
}

TEST(TtrpcClientRules, AbandonedStreamDoesNotHoldTheConnectionUp) {
  co_test([](auto executor) -> awaitable<void> {
    ttrpc::limits allowed;
    allowed.stream_messages = 1;
    allowed.stream_stall = std::chrono::hours(1);
    hand_served served(executor, allowed);
    std::uint32_t id = 0;
    {
      auto out = served.client.test.count(tests::number(2));
      const auto request = co_await served.peer.receive();
      id = request->id;
      for (int i = 0; i < 2; ++i) {
        raw_frame data{.id = id, .type = data_type, .payload = "\x08\x01"};
        co_await served.peer.send(std::move(data));
      }
      tests::rpc::Number n;
      const auto got = co_await out.read(n);
      EXPECT_EQ(got.value(), ttrpc::received::message);
      for (int i = 0; i < 2; ++i) {
        raw_frame data{.id = id, .type = data_type, .payload = "\x08\x01"};
        co_await served.peer.send(std::move(data));
      }
    }
    raw_frame answer{.type = response_type, .payload = response_with(tests::text("yes"))};
    const auto echoed = co_await answered_with(served, std::move(answer));
    EXPECT_EQ(echoed.value().text(), "yes");
    co_await served.stop();
  });
}

TEST(TtrpcClientRules, WriterWaitsForAServerThatDoesNotReadUntilItsTimeout) {
  co_test([](auto executor) -> awaitable<void> {
    ttrpc::limits allowed;
    allowed.queued_bytes = 10'000;
    hand_served served(executor, allowed);
    auto chat = served.client.test.chat(ttrpc::call_options(std::chrono::milliseconds(20)));
    std::size_t written = 0;
    const auto end = co_await write_until_failure(chat, 100'000, written);
    EXPECT_EQ(end.code(), code::deadline_exceeded);
    EXPECT_LT(written, 100'000U);
    co_await served.stop();
  });
}

TEST(TtrpcClientRules, EndInsideAFrameIsTruncated) {
  co_test([](auto executor) -> awaitable<void> {
    hand_served served(executor);
    co_await served.peer.send_bytes("half");
    served.peer.socket().close();
    co_await served.client.client.join();
    EXPECT_EQ(served.client.client.failure()->context(), "connection lost: stream truncated");
    co_await served.stop();
  });
}

TEST(TtrpcClientRules, CallThatFailedHereIsForgotten) {
  co_test([](auto executor) -> awaitable<void> {
    const auto [log_reader, log_writer] = flow::make_pipe(O_NONBLOCK).value();
    flow::log log(log_writer.get(), flow::log::level::debug);
    auto raw = tests::make_raw_connection(executor);
    ttrpc::client client(executor, std::move(raw.stream), log);
    const tests::rpc::test_client test(client);
    const auto late =
        co_await test.echo(tests::text("x"), ttrpc::call_options(std::chrono::milliseconds(1)));
    EXPECT_EQ(late.error().code(), code::deadline_exceeded);
    raw_frame answer{.id = 1, .type = response_type, .payload = response_with(tests::text("x"))};
    co_await raw.peer.send(std::move(answer));
    raw.peer.socket().close();
    co_await client.join();
    std::string text(4096, '\0');
    const auto n = ::read(log_reader.get(), text.data(), text.size());
    text.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
    EXPECT_NE(text.find("msg=\"ttrpc message for an unknown stream ignored\" stream=1"),
              std::string::npos)
        << text;
  });
}

TEST(TtrpcClientRules, TimeoutIsSentAndHeldToEvenIfTheServerIgnoresIt) {
  co_test([](auto executor) -> awaitable<void> {
    hand_served served(executor);
    const auto request = tests::text("x");
    const auto late = co_await served.client.test.echo(
        request, ttrpc::call_options(std::chrono::milliseconds(2)));
    EXPECT_EQ(late.error().code(), code::deadline_exceeded);
    const auto frame = co_await served.peer.receive();
    ttrpc::Request sent;
    EXPECT_TRUE(sent.ParseFromString(frame->payload));
    EXPECT_EQ(sent.timeout_nano(), 2'000'000);
    // The answer comes too late, and does not confuse the next call.
    raw_frame too_late{
        .id = frame->id, .type = response_type, .payload = response_with(tests::text("too late"))};
    co_await served.peer.send(std::move(too_late));
    raw_frame answer{.type = response_type, .payload = response_with(tests::text("in time"))};
    const auto echoed = co_await answered_with(served, std::move(answer));
    EXPECT_EQ(echoed.value().text(), "in time");
    co_await served.stop();
  });
}
