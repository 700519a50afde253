// Clients: many concurrent calls, giving up, and losing the connection.
#include <boost/asio/post.hpp>
#include <stop_token>

#include "flow/task_group.hpp"
#include "runtime_api/ttrpc/status.hpp"
#include "tests/support/co_test.hpp"
#include "tests/unit/runtime_api/test_service.hpp"

using namespace std::chrono_literals;
using flow::awaitable;
using flow::task_group;
using tests::co_test;
using tests::test_client;
using tests::test_server;
using ttrpc::code;

namespace {

task_group::failure_handler no_failures() {
  return [](const std::string& name, const std::exception_ptr& e) {
    ADD_FAILURE() << name << ": " << flow::describe(e);
  };
}

awaitable<void> echo_many(test_client& client, int from, int& answered) {
  for (int i = 0; i < 100; ++i) {
    const std::string sent = std::to_string(from) + "-" + std::to_string(i);
    const auto answer = co_await client.test.echo(tests::text(sent));
    EXPECT_EQ(answer.value().text(), sent);
    ++answered;
  }
}

awaitable<void> wait_for_failure(test_client& client, std::vector<std::string>& failures) {
  const auto answer = co_await client.test.wait(tests::text("x"));
  EXPECT_EQ(answer.error().code(), code::unavailable);
  failures.push_back(answer.error().message());
}

}  // namespace

TEST(TtrpcClient, ManyCoroutinesShareOneConnection) {
  co_test([](auto executor) -> awaitable<void> {
    test_server server(executor);
    test_client client(server);
    task_group tasks(executor, no_failures());
    int answered = 0;
    for (int i = 0; i < 50; ++i) {
      tasks.spawn("echo", echo_many(client, i, answered));
    }
    co_await tasks.join();
    EXPECT_EQ(answered, 5000);
    co_await client.stop();
    co_await server.stop();
  });
}

TEST(TtrpcClient, LongestPayloadsGoThereAndBack) {
  co_test([](auto executor) -> awaitable<void> {
    test_server server(executor);
    test_client client(server);
    tests::rpc::Payload large;
    large.set_data(std::string(4'194'000, 'x'));
    const auto answer = co_await client.test.echo(large);
    EXPECT_TRUE(answer.value().data() == large.data());
    co_await client.stop();
    co_await server.stop();
  });
}

TEST(TtrpcClient, LossOfTheConnectionFailsEveryCallAndLaterOnes) {
  co_test([](auto executor) -> awaitable<void> {
    test_server server(executor);
    test_client client(server);
    task_group tasks(executor, no_failures());
    std::vector<std::string> failures;
    for (int i = 0; i < 3; ++i) {
      tasks.spawn("wait", wait_for_failure(client, failures));
    }
    co_await server.service.until_waiting(3);
    EXPECT_FALSE(client.client.failure().has_value());
    co_await server.stop();
    co_await tasks.join();
    EXPECT_EQ(failures.size(), 3U);
    for (const auto& failure : failures) {
      EXPECT_TRUE(failure.starts_with("connection lost: ")) << failure;
    }
    co_await client.client.join();
    EXPECT_EQ(client.client.failure()->code(), code::unavailable);
    const auto later = co_await client.test.echo(tests::text("x"));
    EXPECT_EQ(later.error().code(), code::unavailable);
    auto stream = client.test.count(tests::number(1));
    tests::rpc::Number n;
    const auto got = co_await stream.read(n);
    EXPECT_EQ(got.error().code(), code::unavailable);
    co_await client.stop();
  });
}

TEST(TtrpcClient, CloseFailsCallsUnderWay) {
  co_test([](auto executor) -> awaitable<void> {
    test_server server(executor);
    test_client client(server);
    task_group tasks(executor, no_failures());
    std::vector<std::string> failures;
    tasks.spawn("wait", wait_for_failure(client, failures));
    co_await server.service.until_waiting(1);
    co_await client.stop();
    co_await tasks.join();
    EXPECT_EQ(failures, std::vector<std::string>{"connection closed: unavailable"});
    co_await server.service.until_cancelled(1);
    co_await server.stop();
  });
}

TEST(TtrpcClient, TimeoutReachesTheHandlerAsItsDeadline) {
  co_test([](auto executor) -> awaitable<void> {
    test_server server(executor);
    test_client client(server);
    const auto answer = co_await client.test.wait(tests::text("x"), ttrpc::call_options(2ms));
    EXPECT_EQ(answer.error().code(), code::deadline_exceeded);
    co_await server.service.until_cancelled(1);
    EXPECT_EQ(server.service.last_cancel_reason(), "deadline exceeded");
    co_await client.stop();
    co_await server.stop();
  });
}

TEST(TtrpcClient, StoppedCallFailsAndTheConnectionGoesOn) {
  co_test([](auto executor) -> awaitable<void> {
    test_server server(executor);
    test_client client(server);
    std::stop_source stop;
    ttrpc::call_options options;
    options.stop = stop.get_token();
    boost::asio::post(executor, [&] { stop.request_stop(); });
    const auto stopped = co_await client.test.wait(tests::text("x"), options);
    EXPECT_EQ(stopped.error().code(), code::cancelled);
    const auto again = co_await client.test.wait(tests::text("x"), options);
    EXPECT_EQ(again.error().code(), code::cancelled);
    const auto next = co_await client.test.echo(tests::text("next"));
    EXPECT_TRUE(next.has_value());
    co_await client.stop();
    co_await server.stop();
  });
}

TEST(TtrpcClient, StreamMayOutliveItsClient) {
  co_test([](auto executor) -> awaitable<void> {
    test_server server(executor);
    auto client = std::make_unique<test_client>(server);
    auto chat = client->test.chat();
    co_await client->stop();
    client.reset();
    tests::rpc::Payload next;
    const auto got = co_await chat.read(next);
    EXPECT_EQ(got.error().code(), code::unavailable);
    const auto written = co_await chat.write(next);
    EXPECT_EQ(written.error().code(), code::unavailable);
    chat.close_send();
    co_await server.stop();
  });
}
