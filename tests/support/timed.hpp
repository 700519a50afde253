// A fixture whose time the test turns: timed<shim_fixture>, with the clock as `time`.
#pragma once

#include <boost/asio/any_io_executor.hpp>

#include "flow/testing/manual_clock.hpp"

namespace tests {

// A base, because the clock must be installed before the fixture's members are made.
struct clock_of_test {
  explicit clock_of_test(const boost::asio::any_io_executor& ex) : time(ex) {}
  flow::testing::manual_clock time;
};

template <class Fixture>
struct timed : clock_of_test, Fixture {
  explicit timed(const boost::asio::any_io_executor& ex) : clock_of_test(ex), Fixture(ex) {}
};

}  // namespace tests
