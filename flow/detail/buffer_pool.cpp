#include "flow/detail/buffer_pool.hpp"

#include <boost/asio/query.hpp>

namespace flow::detail {

buffer_pool::block& buffer_pool::block::operator=(block&& other) noexcept {
  if (this != &other) {
    reset();
    pool_ = other.pool_;
    data_ = std::move(other.data_);
  }
  return *this;
}

void buffer_pool::block::reset() noexcept {
  if (data_ && pool_->free_.size() < max_free) {
    pool_->free_.push_back(std::move(data_));
  }
  data_.reset();
}

// Space for the returned blocks is reserved here, so that returning one cannot fail.
buffer_pool::buffer_pool(asio::execution_context& context)
    : asio::execution_context::service(context) {
  free_.reserve(max_free);
}

buffer_pool& buffer_pool::of(const asio::any_io_executor& executor) {
  return asio::use_service<buffer_pool>(asio::query(executor, asio::execution::context));
}

buffer_pool::block buffer_pool::take() {
  if (free_.empty()) {
    return {*this, std::make_unique_for_overwrite<std::byte[]>(block_size)};
  }
  auto data = std::move(free_.back());
  free_.pop_back();
  return {*this, std::move(data)};
}

}  // namespace flow::detail
