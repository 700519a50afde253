#include "agent/io/shim_dialer.hpp"

#include <gtest/gtest.h>

#include <optional>

#include "tests/unit/agent/fake_shim.hpp"
#include "tests/unit/flow/stream_fixture.hpp"

using flow::awaitable;
using namespace std::chrono_literals;
using namespace tests;

namespace {

using attempt = flow::result<std::unique_ptr<flow::transport>>;

awaitable<attempt> accept_and_break(fake_shim& shim) {
  auto connected = co_await shim.dialer()();
  shim.first_link().reset();
  co_return connected;
}

awaitable<void> connect_control(agent::shim_dialer& dialer, std::optional<flow::stream>& to) {
  auto connected = co_await dialer.connect_control(1h);
  EXPECT_TRUE(connected);
  to.emplace(std::move(connected.value()));
}

}  // namespace

TEST(ShimDialer, StreamPresentsItsTokenFirst) {
  co_test([](auto executor) -> awaitable<void> {
    fake_shim shim(executor);
    agent::shim_dialer dialer(executor, shim.dialer());
    auto ours = co_await dialer.connect_stream(token_of("stdout"));
    EXPECT_TRUE(ours);
    const std::string text = "output";
    co_await ours->write(boost::asio::buffer(text));
    co_await ours->shutdown_write();
    const auto theirs = co_await shim.stream(token_of("stdout"));
    EXPECT_NE(theirs, nullptr);
    flow::error_code ending;
    const auto read = co_await read_to_end(*theirs, &ending);
    EXPECT_EQ(read, "output");
  });
}

TEST(ShimDialer, StreamIsTriedOnceForTheShimIsThere) {
  co_test([](auto executor) -> awaitable<void> {
    fake_shim shim(executor);
    shim.accepts = 0;
    agent::shim_dialer dialer(executor, shim.dialer());
    const auto refused = co_await dialer.connect_stream(token_of("stdout"));
    EXPECT_EQ(refused.error().code(), flow::errc::unavailable);
    EXPECT_EQ(shim.dialled, 1U);
  });
}

TEST(ShimDialer, StreamThatBreaksUnderItsTokenIsAFailure) {
  co_test([](auto executor) -> awaitable<void> {
    fake_shim shim(executor);
    agent::shim_dialer dialer(executor, [&] { return accept_and_break(shim); });
    const auto broken = co_await dialer.connect_stream(token_of("stdout"));
    EXPECT_FALSE(broken);
  });
}

TEST(ShimDialer, ControlConnectionIsTriedUntilTheShimIsThere) {
  co_test([](auto executor) -> awaitable<void> {
    fake_shim shim(executor);
    shim.accepts = 0;
    agent::shim_dialer dialer(executor, shim.dialer());
    std::optional<flow::stream> connected;
    started<void> connecting(executor, connect_control(dialer, connected));
    while (shim.dialled < 3) {
      co_await turns(executor, 1);
    }
    EXPECT_FALSE(connecting.done());
    shim.accepts = 1;
    co_await connecting.wait();
    EXPECT_TRUE(connected->write_open());
  });
}

TEST(ShimDialer, ControlConnectionIsGivenUpAtTheDeadline) {
  co_test([](auto executor) -> awaitable<void> {
    fake_shim shim(executor);
    shim.accepts = 0;
    agent::shim_dialer dialer(executor, shim.dialer());
    const auto refused = co_await dialer.connect_control(0s);
    EXPECT_EQ(refused.error().code(), flow::errc::unavailable);
    EXPECT_EQ(shim.dialled, 1U);
  });
}
