// A process that holds thousands of streams that are idle.
#include <malloc.h>
#include <sys/resource.h>

#include <vector>

#include "flow/socket_transport.hpp"
#include "tests/support/sanitized.hpp"
#include "tests/unit/flow/stream_fixture.hpp"
#include "tests/unit/flow/transports.hpp"

using namespace tests;
namespace asio = boost::asio;

namespace {

constexpr std::size_t count = 10'000;
constexpr std::size_t most_per_stream = 8192;

// Bytes currently allocated.
std::size_t allocated() {
  const auto info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

bool may_open(rlim_t descriptors) {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  return ::setrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur >= descriptors;
}

awaitable<void> say(stream& from, stream& to, std::size_t number) {
  const std::string text = pattern(100, number);
  const auto written = co_await from.write(asio::buffer(text));
  EXPECT_TRUE(written);
  std::string heard(text.size(), '\0');
  const auto n = co_await to.read_some(asio::buffer(heard));
  EXPECT_TRUE(n && heard == text) << number;
}

TEST(IdleStreams, TenThousandWorkAndCostLittleBeyondTheirSockets) {
  if (!may_open(count + 100)) {
    GTEST_SKIP() << "this process may not open " << count << " descriptors";
  }
  co_test([](auto executor) -> awaitable<void> {
    std::vector<stream> streams;
    streams.reserve(count);
    const std::size_t before = allocated();
    while (streams.size() != count) {
      auto [first, second] = connected_pair();
      streams.emplace_back(flow::adopt_socket(executor, std::move(first)).value());
      streams.emplace_back(flow::adopt_socket(executor, std::move(second)).value());
    }
    co_await turns(executor);
    EXPECT_LE(allocated() - before, count * most_per_stream);
    for (std::size_t i = 0; i < count; i += 2) {
      co_await say(streams[i], streams[i + 1], i);
      co_await say(streams[i + 1], streams[i], i);
    }
    co_await turns(executor);
    EXPECT_LE(allocated() - before, count * most_per_stream) << "used once, and idle again";
    RecordProperty("bytes_per_stream", std::to_string((allocated() - before) / count));
    if (!sanitized) {
      EXPECT_GT(allocated(), before + count * sizeof(void*)) << "not counted";
    }
  });
}

}  // namespace
