// co_test() with a fixture that it stops automatically.
//
//   TEST(Reaper, ReportsTheExitCode) {
//     fixture_test<bench>([](bench& b) -> awaitable<void> {...});
//   }
#pragma once

#include "tests/support/co_test.hpp"

namespace tests {

// Creates a Fixture from the executor and `arguments`, runs `body` with it, and awaits its end().
template <class Fixture, class Body, class... Arguments>
void fixture_test(Body body, const Arguments&... arguments) {
  co_test([&](auto executor) -> flow::awaitable<void> {
    Fixture fixture(executor, arguments...);
    co_await body(fixture);
    co_await fixture.end();
  });
}

}  // namespace tests
