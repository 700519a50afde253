#include "runtime_api/ttrpc/connection.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/error.hpp>

#include "runtime_api/ttrpc/limits.hpp"

namespace ttrpc {

connection::connection(const boost::asio::any_io_executor& executor,
                       std::unique_ptr<byte_stream> stream, std::size_t max_queued)
    : stream_(std::move(stream)), max_queued_(max_queued), queued_(executor), progress_(executor) {}

flow::awaitable<flow::result<message>> connection::receive() {
  for (;;) {
    if (auto complete = decoder_.next()) {
      co_return std::move(*complete);
    }
    const auto room = decoder_.prepare();
    const auto n = co_await stream_->read_some(boost::asio::buffer(room.data(), room.size()));
    if (!n) {
      const bool cut = n.error().code() == boost::asio::error::eof && !decoder_.at_boundary();
      co_return cut ? flow::error(flow::errc::truncated) : n.error();
    }
    decoder_.commit(*n);
  }
}

flow::awaitable<void> connection::write_frames() {
  std::array<boost::asio::const_buffer, frames_per_write> batch;
  while (!closed_) {
    if (queue_.empty()) {
      co_await queued_.wait();
      continue;
    }
    const std::size_t n = std::min(queue_.size(), batch.size());
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < n; ++i) {
      batch[i] = boost::asio::buffer(queue_[i]);
      bytes += queue_[i].size();
    }
    const auto written = co_await stream_->write(std::span(batch).first(n));
    if (!written) {
      close();
      co_return;
    }
    queue_.erase(queue_.begin(), queue_.begin() + static_cast<std::ptrdiff_t>(n));
    queued_bytes_ -= bytes;
    if (!congested() || flushed()) {
      progress_.notify_all();
    }
  }
}

void connection::send(std::string frame) {
  if (closed_) {
    return;
  }
  queued_bytes_ += frame.size();
  queue_.push_back(std::move(frame));
  queued_.notify_all();
}

void connection::close() {
  if (closed_) {
    return;
  }
  closed_ = true;
  stream_->close();
  queued_.notify_all();
  progress_.notify_all();
}

}  // namespace ttrpc
