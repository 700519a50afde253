#include "agent/io/shim_dialer.hpp"

#include <gtest/gtest.h>

#include <optional>

#include "agent/limits.hpp"
#include "flow/testing/manual_clock.hpp"
#include "tests/unit/agent/fake_shim.hpp"
#include "tests/unit/flow/stream_fixture.hpp"

using flow::awaitable;
using flow::testing::manual_clock;
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

awaitable<void> expect_no_control(agent::shim_dialer& dialer, flow::error_code* ending) {
  const auto refused = co_await dialer.connect_control(agent::limits::connect_control);
  EXPECT_FALSE(refused);
  *ending = refused.error().code();
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
    manual_clock time(executor);
    fake_shim shim(executor);
    shim.accepts = 0;
    agent::shim_dialer dialer(executor, shim.dialer());
    std::optional<flow::stream> connected;
    started<void> connecting(executor, connect_control(dialer, connected));
    for (std::size_t attempt = 1; attempt < 5; ++attempt) {
      co_await turns(executor);
      EXPECT_EQ(shim.dialled, attempt);
      EXPECT_FALSE(connecting.done());
      time.advance(agent::limits::connect_retry);
    }
    shim.accepts = 1;
    co_await connecting.wait();
    EXPECT_TRUE(connected->write_open());
  });
}

TEST(ShimDialer, ControlConnectionIsNotTriedAgainAfterTheDeadline) {
  co_test([](auto executor) -> awaitable<void> {
    manual_clock time(executor);
    fake_shim shim(executor);
    shim.accepts = 0;
    agent::shim_dialer dialer(executor, shim.dialer());
    flow::error_code ending;
    started<void> connecting(executor, expect_no_control(dialer, &ending));
    co_await turns(executor);
    time.advance(agent::limits::connect_control - 1ms);
    co_await turns(executor);
    EXPECT_EQ(shim.dialled, 2U);
    EXPECT_FALSE(connecting.done());
    time.advance(agent::limits::connect_retry);
    co_await connecting.wait();
    EXPECT_EQ(ending, flow::errc::unavailable);
    EXPECT_EQ(shim.dialled, 3U) << "the last attempt";
  });
}
