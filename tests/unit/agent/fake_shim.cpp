#include "tests/unit/agent/fake_shim.hpp"

#include <boost/asio/read.hpp>

namespace tests {

using flow::awaitable;

namespace {

flow::stream::options stream_options() {
  flow::stream::options o;
  o.max_payload = flow::agreed_max_payload;
  return o;
}

}  // namespace

fake_shim::connection::connection(const boost::asio::any_io_executor& executor)
    : link(executor), stream(link.second(), stream_options()) {}

awaitable<flow::result<std::unique_ptr<flow::transport>>> fake_shim::accept() {
  ++dialled;
  if (accepts == 0) {
    co_return flow::error(flow::errc::unavailable, "fake shim");
  }
  --accepts;
  co_return connections_.emplace_back(executor_).link.first();
}

awaitable<flow::stream*> fake_shim::stream(std::string token) {
  for (auto& c : connections_) {
    if (c.token.empty()) {
      c.token.resize(guest_contract::token_size);
      co_await boost::asio::async_read(c.stream, boost::asio::buffer(c.token), flow::as_result);
    }
    if (c.token == token) {
      co_return &c.stream;
    }
  }
  co_return nullptr;
}

}  // namespace tests
