// Blocks in which streams keep data that the application has not read yet, shared by all streams of
// an execution context. An idle stream holds none.
#pragma once

#include <boost/asio/execution_context.hpp>
#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "flow/asio.hpp"

namespace flow::detail {

class buffer_pool final : public asio::execution_context::service {
 public:
  using key_type = buffer_pool;
  static inline asio::execution_context::id id;  // NOLINT(readability-identifier-naming)

  static constexpr std::size_t block_size = 65536;

  // A block, or none; returns to its pool automatically.
  class block {
   public:
    block() = default;
    block(block&&) noexcept = default;
    block& operator=(block&& other) noexcept;
    ~block() { reset(); }

    explicit operator bool() const noexcept { return data_ != nullptr; }
    std::span<std::byte> bytes() const noexcept { return {data_.get(), block_size}; }
    void reset() noexcept;

   private:
    friend class buffer_pool;
    block(buffer_pool& pool, std::unique_ptr<std::byte[]> data) noexcept
        : pool_(&pool), data_(std::move(data)) {}

    buffer_pool* pool_ = nullptr;
    std::unique_ptr<std::byte[]> data_;
  };

  explicit buffer_pool(asio::execution_context& context);

  // The pool of the context that `executor` belongs to.
  static buffer_pool& of(const asio::any_io_executor& executor);

  block take();

 private:
  // Kept for the next reader. Enough for streams that take turns; each block beyond it costs
  // one malloc.
  static constexpr std::size_t max_free = 2;

  void shutdown() override { free_.clear(); }

  std::vector<std::unique_ptr<std::byte[]>> free_;
};

}  // namespace flow::detail
