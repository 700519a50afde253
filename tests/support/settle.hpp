// Runs everything that is ready to run.
#pragma once

#include <boost/asio/post.hpp>

#include "flow/asio.hpp"

namespace tests {

inline flow::awaitable<void> settle(boost::asio::any_io_executor executor) {
  for (int i = 0; i < 200; ++i) {
    co_await boost::asio::post(executor, boost::asio::use_awaitable);
  }
}

}  // namespace tests
