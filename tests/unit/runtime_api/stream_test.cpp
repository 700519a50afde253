// Streams between a client and a server of ours.
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

TEST(TtrpcStream, ClientStreamIsSummedUp) {
  co_test([](auto executor) -> awaitable<void> {
    test_server server(executor);
    test_client client(server);
    auto sum = client.test.sum();
    for (int i = 1; i <= 100; ++i) {
      const auto written = co_await sum.write(tests::number(i));
      EXPECT_TRUE(written.has_value());
    }
    const auto total = co_await sum.finish();
    EXPECT_EQ(total.value().value(), 5050);
    co_await client.stop();
    co_await server.stop();
  });
}

TEST(TtrpcStream, EmptyClientStreamIsAnswered) {
  co_test([](auto executor) -> awaitable<void> {
    test_server server(executor);
    test_client client(server);
    auto sum = client.test.sum();
    const auto total = co_await sum.finish();
    EXPECT_EQ(total.value().value(), 0);
    co_await client.stop();
    co_await server.stop();
  });
}

TEST(TtrpcStream, ServerStreamArrivesInOrderAndEnds) {
  co_test([](auto executor) -> awaitable<void> {
    test_server server(executor);
    test_client client(server);
    for (const int last : {0, 1, 3000}) {
      auto count = client.test.count(tests::number(last));
      tests::rpc::Number n;
      for (int i = 1; i <= last; ++i) {
        const auto got = co_await count.read(n);
        EXPECT_EQ(got.value(), ttrpc::received::message);
        EXPECT_EQ(n.value(), i);
      }
      const auto end = co_await count.read(n);
      EXPECT_EQ(end.value(), ttrpc::received::end);
    }
    co_await client.stop();
    co_await server.stop();
  });
}

TEST(TtrpcStream, ServerStreamMayFailBehindItsMessages) {
  co_test([](auto executor) -> awaitable<void> {
    test_server server(executor);
    test_client client(server);
    auto count = client.test.count(tests::number(-2));
    tests::rpc::Number n;
    for (int i = 1; i <= 2; ++i) {
      const auto got = co_await count.read(n);
      EXPECT_EQ(got.value(), ttrpc::received::message);
    }
    const auto end = co_await count.read(n);
    EXPECT_EQ(end.error().code(), code::aborted);
    EXPECT_EQ(end.error().context(), "counted enough");
    co_await client.stop();
    co_await server.stop();
  });
}

TEST(TtrpcStream, BothSidesTalkInTurn) {
  co_test([](auto executor) -> awaitable<void> {
    test_server server(executor);
    test_client client(server);
    auto chat = client.test.chat();
    tests::rpc::Payload next;
    for (const char* word : {"one", "", "three"}) {
      const auto written = co_await chat.write(tests::text(word));
      EXPECT_TRUE(written.has_value());
      const auto got = co_await chat.read(next);
      EXPECT_EQ(got.value(), ttrpc::received::message);
      EXPECT_EQ(next.text(), word);
    }
    chat.close_send();
    const auto end = co_await chat.read(next);
    EXPECT_EQ(end.value(), ttrpc::received::end);
    const auto late = co_await chat.write(tests::text("late"));
    EXPECT_EQ(late.error().code(), flow::errc::closed);
    co_await client.stop();
    co_await server.stop();
  });
}

TEST(TtrpcStream, ServerMayEndWhileTheClientStillSends) {
  co_test([](auto executor) -> awaitable<void> {
    test_server server(executor);
    test_client client(server);
    auto chat = client.test.chat();
    const auto stop = co_await chat.write(tests::text("stop"));
    EXPECT_TRUE(stop.has_value());
    const auto late = co_await chat.write(tests::text("late"));
    EXPECT_TRUE(late.has_value()) << "the end cannot be known yet";
    tests::rpc::Payload next;
    const auto end = co_await chat.read(next);
    EXPECT_EQ(end.value(), ttrpc::received::end);
    const auto later = co_await chat.write(tests::text("later"));
    EXPECT_EQ(later.error().code(), flow::errc::closed);
    const auto other = co_await client.test.echo(tests::text("x"));
    EXPECT_TRUE(other.has_value());
    co_await client.stop();
    co_await server.stop();
  });
}

TEST(TtrpcStream, MessageAboveTheLimitFailsAloneAndTheStreamGoesOn) {
  co_test([](auto executor) -> awaitable<void> {
    test_server server(executor);
    test_client client(server);
    auto chat = client.test.chat();
    tests::rpc::Payload large;
    large.set_data(std::string(4'194'304, 'x'));
    const auto refused = co_await chat.write(large);
    EXPECT_EQ(refused.error().code(), code::resource_exhausted);
    const auto written = co_await chat.write(tests::text("small"));
    EXPECT_TRUE(written.has_value());
    tests::rpc::Payload next;
    const auto got = co_await chat.read(next);
    EXPECT_EQ(next.text(), "small");
    co_await client.stop();
    co_await server.stop();
  });
}

TEST(TtrpcStream, TimeoutEndsTheWholeStreamAtBothEnds) {
  co_test([](auto executor) -> awaitable<void> {
    test_server server(executor);
    test_client client(server);
    auto chat = client.test.chat(ttrpc::call_options(2ms));
    const auto written = co_await chat.write(tests::text("wait"));
    EXPECT_TRUE(written.has_value());
    tests::rpc::Payload next;
    const auto got = co_await chat.read(next);
    EXPECT_EQ(got.error().code(), code::deadline_exceeded);
    const auto late = co_await chat.write(tests::text("late"));
    EXPECT_EQ(late.error().code(), code::deadline_exceeded);
    co_await server.service.until_cancelled(1);
    co_await client.stop();
    co_await server.stop();
  });
}

TEST(TtrpcStream, ReaderThatWaitsIsReleasedWhenTheConnectionEnds) {
  co_test([](auto executor) -> awaitable<void> {
    test_server server(executor);
    auto client = std::make_unique<test_client>(server);
    auto sum = client->test.sum();
    co_await sum.write(tests::number(1));
    const auto other = co_await client->test.echo(tests::text("x"));
    EXPECT_TRUE(other.has_value());
    co_await client->stop();  // the handler of sum is inside read()
    co_await server.server.join();
    EXPECT_EQ(server.server.connections(), 0U);
  });
}

namespace {

awaitable<void> write_all(ttrpc::client_duplex<tests::rpc::Payload, tests::rpc::Payload>& chat,
                          int messages) {
  for (int i = 0; i < messages; ++i) {
    tests::rpc::Payload p;
    p.set_text(std::to_string(i));
    p.set_data(std::string(2000, 'x'));
    const auto written = co_await chat.write(p);
    EXPECT_TRUE(written.has_value());
  }
  chat.close_send();
}

}  // namespace

TEST(TtrpcStream, FullDuplexUnderPressureLosesNothing) {
  co_test([](auto executor) -> awaitable<void> {
    ttrpc::limits tight;
    tight.queued_bytes = 5000;
    tight.stream_messages = 4;
    tight.stream_stall = 1h;
    test_server server(executor, tight);
    auto pair = tests::make_stream_pair(executor);
    server.server.serve(std::move(pair.server));
    test_client client(executor, std::move(pair.client), tight);
    auto chat = client.test.chat();
    flow::task_group tasks(executor,
                           [](const std::string&, const std::exception_ptr&) { ADD_FAILURE(); });
    constexpr int messages = 2000;
    tasks.spawn("writer", write_all(chat, messages));
    tests::rpc::Payload next;
    for (int i = 0; i < messages; ++i) {
      const auto got = co_await chat.read(next);
      EXPECT_EQ(got.value(), ttrpc::received::message);
      EXPECT_EQ(next.text(), std::to_string(i));
    }
    const auto end = co_await chat.read(next);
    EXPECT_EQ(end.value(), ttrpc::received::end);
    co_await tasks.join();
    co_await client.stop();
    co_await server.stop();
  });
}
