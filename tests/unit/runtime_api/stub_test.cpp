// The output of protoc-gen-ttrpc as used by code.

#include "runtime_api/ttrpc/status.hpp"
#include "tests/support/co_test.hpp"
#include "tests/unit/runtime_api/test_service.hpp"

using flow::awaitable;
using flow::result;
using tests::co_test;
using tests::rpc::http_names_client;
using tests::rpc::http_names_service;
using tests::rpc::Payload;
using ttrpc::code;

namespace {

// Overrides one function of each kind: the signatures are part of the test.
class some_names final : public http_names_service {
 public:
  awaitable<result<Payload>> delete_(ttrpc::call_context& context,
                                     const Payload& request) override {
    EXPECT_EQ(context.what(), "tests.rpc.HTTPNames/Delete");
    co_return request;
  }

  awaitable<result<void>> state_v2(ttrpc::call_context& /*context*/, const Payload& request,
                                   ttrpc::stream_writer<Payload> out) override {
    co_return co_await out.write(request);
  }

  awaitable<result<Payload>> name_(ttrpc::call_context& /*context*/,
                                   ttrpc::stream_reader<Payload> in) override {
    Payload last;
    for (;;) {
      const auto got = co_await in.read(last);
      if (!got || *got == ttrpc::received::end) {
        co_return last;
      }
    }
  }

  awaitable<result<void>> methods_(ttrpc::call_context& /*context*/,
                                   ttrpc::stream_reader<Payload> in,
                                   ttrpc::stream_writer<Payload> out) override {
    Payload first;
    co_await in.read(first);
    co_return co_await out.write(first);
  }
};

struct served_names {
  explicit served_names(const boost::asio::any_io_executor& executor)
      : log(-1),
        server(executor, log),
        pair(tests::make_stream_pair(executor)),
        client(executor, std::move(pair.client), log) {
    server.add_service(service);
    server.add_service(service, "other.Name");
    server.serve(std::move(pair.server));
  }

  awaitable<void> stop() {
    client.close();
    co_await client.join();
    server.close();
    co_await server.join();
  }

  flow::log log;
  some_names service;
  ttrpc::server server;
  tests::stream_pair pair;
  ttrpc::client client;
};

}  // namespace

TEST(TtrpcStub, TableHasEveryMethodWithItsDirections) {
  const some_names service;
  EXPECT_EQ(service.name(), "tests.rpc.HTTPNames");
  EXPECT_EQ(http_names_service::service_name, "tests.rpc.HTTPNames");
  const auto methods = service.methods();
  ASSERT_EQ(methods.size(), 6U);
  EXPECT_EQ(methods[0].name, "Delete");
  EXPECT_EQ(methods[1].name, "CloseIO");
  EXPECT_EQ(methods[2].name, "PingHTTPServer");
  EXPECT_FALSE(methods[2].client_streaming || methods[2].server_streaming);
  EXPECT_TRUE(!methods[3].client_streaming && methods[3].server_streaming);
  EXPECT_TRUE(methods[4].client_streaming && !methods[4].server_streaming);
  EXPECT_TRUE(methods[5].client_streaming && methods[5].server_streaming);
}

TEST(TtrpcStub, ServiceWithoutMethodsIsFine) {
  class nothing final : public tests::rpc::nothing_service {};
  EXPECT_TRUE(nothing().methods().empty());
}

TEST(TtrpcStub, MethodsNobodyImplementsAnswerUnimplemented) {
  co_test([](auto executor) -> awaitable<void> {
    served_names served(executor);
    const http_names_client names(served.client);
    const auto close = co_await names.close_io(Payload());
    EXPECT_EQ(close.error().code(), code::unimplemented);
    EXPECT_EQ(close.error().context(), "method CloseIO");
    const auto ping = co_await names.ping_http_server(Payload());
    EXPECT_EQ(ping.error().context(), "method PingHTTPServer");
    co_await served.stop();
  });
}

TEST(TtrpcStub, DefaultsOfAllFourKindsAnswerUnimplemented) {
  co_test([](auto executor) -> awaitable<void> {
    ttrpc::call_context context(executor);
    class bare final : public http_names_service {};
    bare service;
    const auto unary = co_await service.delete_(context, Payload());
    EXPECT_EQ(unary.error().context(), "method Delete");
    EXPECT_EQ(service.methods()[3].name, "StateV2");
    co_return;
  });
}

TEST(TtrpcStub, EveryKindOfMethodReachesItsFunction) {
  co_test([](auto executor) -> awaitable<void> {
    served_names served(executor);
    const http_names_client names(served.client);
    const auto request = tests::text("x");

    const auto unary = co_await names.delete_(request);
    EXPECT_EQ(unary.value().text(), "x");

    auto server_stream = names.state_v2(request);
    Payload next;
    const auto got = co_await server_stream.read(next);
    EXPECT_EQ(got.value(), ttrpc::received::message);
    EXPECT_EQ(next.text(), "x");

    auto client_stream = names.name_();
    co_await client_stream.write(request);
    const auto last = co_await client_stream.finish();
    EXPECT_EQ(last.value().text(), "x");

    auto both = names.methods_();
    co_await both.write(request);
    next.Clear();
    const auto echoed = co_await both.read(next);
    EXPECT_EQ(echoed.value(), ttrpc::received::message);
    EXPECT_EQ(next.text(), "x");
    co_await served.stop();
  });
}

TEST(TtrpcStub, OneImplementationServesUnderTwoNames) {
  co_test([](auto executor) -> awaitable<void> {
    served_names served(executor);
    const http_names_client other(served.client, "other.Name");
    auto stream = other.state_v2(tests::text("x"));
    Payload next;
    const auto got = co_await stream.read(next);
    EXPECT_EQ(got.value(), ttrpc::received::message);
    const http_names_client wrong(served.client, "wrong.Name");
    const auto refused = co_await wrong.delete_(Payload());
    EXPECT_EQ(refused.error().context(), "service wrong.Name");
    co_await served.stop();
  });
}

TEST(TtrpcStub, RequestNeedNotOutliveTheCallThatMakesIt) {
  co_test([](auto executor) -> awaitable<void> {
    served_names served(executor);
    const http_names_client names(served.client);
    auto request = std::make_unique<Payload>(tests::text("gone"));
    auto call = names.delete_(*request);
    request.reset();
    const auto answer = co_await std::move(call);
    EXPECT_EQ(answer.value().text(), "gone");
    co_await served.stop();
  });
}
