// Calls on a server: concurrent, in any order, cancelled, too late, failing.
#include <fcntl.h>
#include <unistd.h>

#include <boost/asio/post.hpp>
#include <limits>
#include <set>

#include "flow/system/pipe.hpp"
#include "runtime_api/ttrpc/status.hpp"
#include "tests/support/co_test.hpp"
#include "tests/unit/runtime_api/test_service.hpp"

using flow::awaitable;
using tests::co_test;
using tests::test_client;
using tests::test_server;
using ttrpc::code;

namespace {

std::string payload(std::string text) {
  return tests::text(std::move(text)).SerializeAsString();
}

std::string request_with_timeout(std::string method, std::int64_t nanoseconds) {
  ttrpc::Request request;
  request.set_service("tests.rpc.Test");
  request.set_method(std::move(method));
  request.set_timeout_nano(nanoseconds);
  return tests::raw_bytes(
      {.id = 1, .type = tests::request_type, .payload = request.SerializeAsString()});
}

awaitable<void> end_inside_a_frame(std::size_t cut) {
  const auto executor = co_await boost::asio::this_coro::executor;
  test_server server(executor);
  {
    auto peer = server.connect_raw();
    co_await peer.request(1, "Wait");
    co_await server.service.until_waiting(1);
    const auto frame =
        tests::raw_bytes({.id = 3, .type = tests::request_type, .payload = "abcdef"});
    co_await peer.send_bytes(frame.substr(0, cut));
  }
  co_await server.service.until_cancelled(1);
  co_await server.server.join();
  EXPECT_EQ(server.server.connections(), 0U);
}

}  // namespace

TEST(TtrpcServerCall, QuickCallsOvertakeBlockedOnes) {
  co_test([](auto executor) -> awaitable<void> {
    test_server server(executor);
    auto peer = server.connect_raw();
    co_await peer.request(1, "Wait", payload("slow"));
    co_await peer.request(3, "Echo", payload("quick"));
    co_await peer.receive_response(3);
    server.service.release();
    co_await peer.receive_response(1);
    co_await server.stop();
  });
}

TEST(TtrpcServerCall, FiveHundredBlockedCallsAreAllAnswered) {
  co_test([](auto executor) -> awaitable<void> {
    test_server server(executor);
    auto peer = server.connect_raw();
    constexpr std::uint32_t calls = 500;
    for (std::uint32_t i = 0; i < calls; ++i) {
      co_await peer.request(2 * i + 1, "Wait", payload("blocked"));
    }
    co_await server.service.until_waiting(calls);
    co_await peer.request(2 * calls + 1, "Echo");
    co_await peer.receive_response(2 * calls + 1);
    server.service.release();
    std::set<std::uint32_t> answered;
    for (std::uint32_t i = 0; i < calls; ++i) {
      const auto frame = co_await peer.receive();
      EXPECT_TRUE(frame.has_value());
      answered.insert(frame->id);
    }
    EXPECT_EQ(answered.size(), calls);
    co_await server.stop();
  });
}

TEST(TtrpcServerCall, MetadataReachesTheHandler) {
  co_test([](auto executor) -> awaitable<void> {
    test_server server(executor);
    test_client client(server);
    ttrpc::call_options options;
    options.metadata = {{"containerd-namespace-ttrpc", "k8s.io"}, {"a", "1"}, {"a", "2"}};
    const auto answer = co_await client.test.echo(tests::text("x"), options);
    EXPECT_TRUE(answer.has_value());
    EXPECT_EQ(server.service.last_metadata(), options.metadata);
    co_await client.stop();
    co_await server.stop();
  });
}

TEST(TtrpcServerCall, ContextFindsTheFirstValueOfAKey) {
  co_test([](auto executor) -> awaitable<void> {
    const ttrpc::call_context context(executor, "a.B/C", {{"k", "1"}, {"k", "2"}}, {});
    EXPECT_EQ(context.metadata("k"), "1");
    EXPECT_EQ(context.metadata("K"), std::nullopt);
    EXPECT_EQ(context.what(), "a.B/C");
    co_return;
  });
}

TEST(TtrpcServerCall, PassedDeadlineIsAnsweredAndTheHandlerIsCancelled) {
  co_test([](auto executor) -> awaitable<void> {
    test_server server(executor);
    auto peer = server.connect_raw();
    co_await peer.send_bytes(request_with_timeout("Wait", 1'000'000));
    const auto response = co_await peer.receive_response(1);
    EXPECT_EQ(response.status().code(), 4);
    EXPECT_EQ(response.status().message(), "deadline exceeded");
    co_await server.service.until_cancelled(1);
    EXPECT_EQ(server.service.last_cancel_reason(), "deadline exceeded");
    // The handler's own answer must not follow.
    co_await peer.request(3, "Echo");
    co_await peer.receive_response(3);
    co_await server.stop();
  });
}

TEST(TtrpcServerCall, DeadlineInThePastIsAnsweredWithoutRunningTheHandler) {
  co_test([](auto executor) -> awaitable<void> {
    test_server server(executor);
    auto peer = server.connect_raw();
    co_await peer.send_bytes(request_with_timeout("Throw", -1));
    const auto response = co_await peer.receive_response(1);
    EXPECT_EQ(response.status().code(), 4);
    co_await server.stop();
  });
}

TEST(TtrpcServerCall, FarthestDeadlineIsHarmless) {
  co_test([](auto executor) -> awaitable<void> {
    test_server server(executor);
    auto peer = server.connect_raw();
    co_await peer.send_bytes(
        request_with_timeout("Wait", std::numeric_limits<std::int64_t>::max()));
    co_await server.service.until_waiting(1);
    server.service.release();
    const auto response = co_await peer.receive_response(1);
    EXPECT_FALSE(response.has_status());
    co_await server.stop();
  });
}

TEST(TtrpcServerCall, EndOfTheConnectionCancelsItsHandlersAndNoOthers) {
  co_test([](auto executor) -> awaitable<void> {
    test_server server(executor);
    auto survivor = server.connect_raw();
    co_await survivor.request(1, "Wait", payload("survivor"));
    {
      auto victim = server.connect_raw();
      co_await victim.request(1, "Wait");
      co_await victim.request(3, "Wait");
      co_await server.service.until_waiting(3);
    }
    co_await server.service.until_cancelled(2);
    EXPECT_EQ(server.service.last_cancel_reason(), "connection closed: cancelled");
    EXPECT_EQ(server.service.waiting(), 1U);
    server.service.release();
    const auto response = co_await survivor.receive_response(1);
    EXPECT_EQ(response.payload(), payload("survivor"));
    co_await server.stop();
  });
}

TEST(TtrpcServerCall, EndInsideAFrameIsTheEndOfTheConnection) {
  for (const std::size_t cut : std::initializer_list<std::size_t>{3, 10, 12}) {
    co_test([cut](const auto& /*executor*/) { return end_inside_a_frame(cut); });
  }
}

TEST(TtrpcServerCall, HandlerCanWaitForItsCancellation) {
  co_test([](auto executor) -> awaitable<void> {
    ttrpc::call_context context(executor);
    EXPECT_FALSE(context.cancelled());
    boost::asio::post(executor, [&] { context.cancel(flow::error(code::cancelled, "first")); });
    while (!context.cancelled()) {
      co_await context.cancellation().wait();
    }
    context.cancel(flow::error(code::deadline_exceeded, "second"));
    EXPECT_EQ(context.cancel_reason().context(), "first");
  });
}

TEST(TtrpcServerCall, ErrorOfAHandlerBecomesItsStatus) {
  co_test([](auto executor) -> awaitable<void> {
    test_server server(executor);
    test_client client(server);
    tests::rpc::Failure failure;
    failure.set_code(5);
    failure.set_message("process does not exist e1");
    const auto answer = co_await client.test.fail(failure);
    EXPECT_FALSE(answer);
    EXPECT_EQ(answer.error().code(), code::not_found);
    EXPECT_EQ(answer.error().context(), "process does not exist e1");
    co_await client.stop();
    co_await server.stop();
  });
}

TEST(TtrpcServerCall, ExceptionOfAHandlerIsInternalLoggedAndHarmsNoOther) {
  co_test([](auto executor) -> awaitable<void> {
    const auto [log_reader, log_writer] = flow::make_pipe(O_NONBLOCK).value();
    test_server server(executor, ttrpc::limits(), log_writer.get());
    test_client client(server);
    const auto thrown = co_await client.test.throw_(tests::text("secret"));
    EXPECT_EQ(thrown.error().code(), code::internal);
    EXPECT_EQ(thrown.error().context(), "handler failed");
    const auto next = co_await client.test.echo(tests::text("next"));
    EXPECT_TRUE(next.has_value());
    co_await client.stop();
    co_await server.stop();
    std::string log(4096, '\0');
    const auto n = ::read(log_reader.get(), log.data(), log.size());
    log.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
    EXPECT_NE(log.find("level=error msg=\"ttrpc handler failed\" method=tests.rpc.Test/Throw "
                       "err=secret"),
              std::string::npos)
        << log;
  });
}
