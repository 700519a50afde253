#include "flow/stream.hpp"

#include "flow/testing/memory_transport.hpp"
#include "tests/co_test.hpp"

using namespace std::chrono_literals;
using flow::awaitable;
using flow::stream;
using flow::testing::memory_link;
using tests::co_test;

TEST(FlowTransfer, Smoke) {
  co_test([](auto executor) -> awaitable<void> {
    memory_link link(executor);
    stream a(link.first());
    stream b(link.second());
    const auto w = co_await a.write(boost::asio::buffer("hello", 5));
    EXPECT_TRUE(w);
    char text[16];
    const auto n = co_await b.read_some(boost::asio::buffer(text));
    EXPECT_EQ(*n, 5U);
    const auto r = co_await a.close(5s);
    EXPECT_TRUE(r.acknowledged);
  });
}
