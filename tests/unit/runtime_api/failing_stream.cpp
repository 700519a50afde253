#include "tests/unit/runtime_api/failing_stream.hpp"

#include <algorithm>
#include <boost/asio/error.hpp>
#include <string>

namespace tests {

using flow::awaitable;
using flow::result;

namespace {

flow::error reset() {
  return flow::error_code(boost::asio::error::connection_reset);
}

}  // namespace

awaitable<result<std::size_t>> failing_stream::read_some(boost::asio::mutable_buffer buffer) {
  if (left_ == 0) {
    inner_->close();
    co_return reset();
  }
  const auto n = co_await inner_->read_some(boost::asio::buffer(buffer, left_));
  if (n) {
    left_ -= std::min(left_, *n);
  }
  co_return n;
}

awaitable<result<void>> failing_stream::write(std::span<boost::asio::const_buffer> buffers) {
  std::string bytes;
  for (const auto& one : buffers) {
    bytes.append(static_cast<const char*>(one.data()), one.size());
  }
  const bool cut = bytes.size() > left_;
  bytes.resize(std::min(bytes.size(), left_));
  left_ -= bytes.size();
  boost::asio::const_buffer rest = boost::asio::buffer(bytes);
  const auto written = co_await inner_->write({&rest, 1});
  if (cut) {
    inner_->close();
    co_return reset();
  }
  co_return written;
}

}  // namespace tests
