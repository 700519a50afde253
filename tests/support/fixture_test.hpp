// co_test() with a fixture that it stops automatically.
//
//   TEST(Reaper, ReportsTheExitCode) {
//     fixture_test<bench>([](bench& b) -> awaitable<void> {...});
//   }
#pragma once

#include <utility>

#include "tests/support/co_test.hpp"

namespace tests {

template <class Fixture, class Body, class... Arguments>
flow::awaitable<void> run_fixture(flow::asio::any_io_executor executor, Body& body,
                                  const Arguments&... arguments) {
  Fixture fixture(executor, arguments...);
  co_await body(fixture);
  co_await fixture.end();
}

// Creates a Fixture from the executor and `arguments`, runs `body` with it, and awaits its end().
template <class Fixture, class Body, class... Arguments>
void fixture_test(Body body, const Arguments&... arguments) {
  co_test(
      [&](auto executor) { return run_fixture<Fixture>(std::move(executor), body, arguments...); });
}

}  // namespace tests
