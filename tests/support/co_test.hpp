// Runs one coroutine to its end on an io_context of its own.
//
//   TEST(FlowEvent, WakesAllWaiters) { co_test([](auto ex) -> awaitable<void> {...}); }
//
// ASSERT_* cannot be used inside a coroutine (it returns); use EXPECT_* on named results.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <chrono>
#include <exception>
#include <utility>

#include "flow/asio.hpp"

namespace tests {

// `body` is called with the executor and returns awaitable<void>. It may capture by reference: it
// lives until the run ends. Fails the test if the coroutine throws, or if it has not ended after
// `limit`, which is a safety net against hangs, not a measurement.
template <class Body>
void co_test(Body body, std::chrono::seconds limit = std::chrono::seconds(60)) {
  boost::asio::io_context context(1);
  bool done = false;
  std::exception_ptr failure;
  boost::asio::co_spawn(context, body(context.get_executor()), [&](std::exception_ptr e) {
    failure = std::move(e);
    done = true;
  });
  const auto end = std::chrono::steady_clock::now() + limit;
  while (!done && std::chrono::steady_clock::now() < end) {
    context.run_one_until(end);
    if (context.stopped()) {
      break;
    }
  }
  if (failure) {
    std::rethrow_exception(failure);
  }
  EXPECT_TRUE(done) << "the coroutine did not end: it waits for something that never happens";
  // Handlers that completed together with the body (cancelled timers) still have to run.
  context.restart();
  context.poll();
}

}  // namespace tests
