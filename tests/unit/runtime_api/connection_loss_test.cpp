// The connection breaks after every possible number of bytes: everything ends, nothing hangs, and
// any results that arrived are correct.
#include "runtime_api/ttrpc/status.hpp"
#include "tests/support/co_test.hpp"
#include "tests/unit/runtime_api/failing_stream.hpp"
#include "tests/unit/runtime_api/test_service.hpp"

using flow::awaitable;
using tests::co_test;
using tests::failing_stream;
using tests::test_client;
using tests::test_server;
using ttrpc::code;

namespace {

enum class broken_side { client, server };

bool is_loss(const flow::error& e) {
  return e.code() == code::unavailable;
}

// One unary call and one stream. True if everything succeeded.
awaitable<bool> talk(test_client& client) {
  const auto echoed = co_await client.test.echo(tests::text("hello"));
  if (!echoed) {
    EXPECT_TRUE(is_loss(echoed.error())) << echoed.error().message();
    co_return false;
  }
  EXPECT_EQ(echoed->text(), "hello");
  auto chat = client.test.chat();
  tests::rpc::Payload next;
  for (const char* word : {"a", "b"}) {
    const auto written = co_await chat.write(tests::text(word));
    if (!written) {
      EXPECT_TRUE(is_loss(written.error())) << written.error().message();
      co_return false;
    }
    const auto got = co_await chat.read(next);
    if (!got) {
      EXPECT_TRUE(is_loss(got.error())) << got.error().message();
      co_return false;
    }
    EXPECT_EQ(*got, ttrpc::received::message);
    EXPECT_EQ(next.text(), word);
  }
  chat.close_send();
  const auto end = co_await chat.read(next);
  if (!end) {
    EXPECT_TRUE(is_loss(end.error())) << end.error().message();
    co_return false;
  }
  EXPECT_EQ(*end, ttrpc::received::end);
  co_return true;
}

awaitable<void> talk_over(broken_side side, std::size_t bytes, bool& succeeded) {
  const auto executor = co_await boost::asio::this_coro::executor;
  test_server server(executor);
  auto pair = tests::make_stream_pair(executor);
  auto& broken = side == broken_side::client ? pair.client : pair.server;
  broken = std::make_unique<failing_stream>(std::move(broken), bytes);
  server.server.serve(std::move(pair.server));
  test_client client(executor, std::move(pair.client));
  const bool all = co_await talk(client);
  succeeded = all;
  if (!all) {
    co_await client.client.join();
    co_await server.server.join();
  }
  co_await client.stop();
  co_await server.stop();
}

void fail_at_every_byte(broken_side side) {
  constexpr std::size_t far_enough = 10'000;
  std::size_t bytes = 0;
  for (bool succeeded = false; !succeeded && bytes < far_enough; ++bytes) {
    co_test([&](const auto& /*executor*/) { return talk_over(side, bytes, succeeded); });
    if (::testing::Test::HasFailure()) {
      FAIL() << "after " << bytes << " bytes";
    }
  }
  EXPECT_GT(bytes, 100U);
  EXPECT_LT(bytes, far_enough);
}

}  // namespace

TEST(TtrpcConnectionLoss, ClientSurvivesItAtEveryByte) {
  fail_at_every_byte(broken_side::client);
}

TEST(TtrpcConnectionLoss, ServerSurvivesItAtEveryByte) {
  fail_at_every_byte(broken_side::server);
}
