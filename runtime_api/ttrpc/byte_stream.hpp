// A type-erased pipe for a connection: unix sockets, flows, test pipes.
#pragma once

#include <concepts>
#include <cstddef>
#include <memory>
#include <span>
#include <utility>

#include "flow/asio.hpp"
#include "flow/error.hpp"

namespace ttrpc {

// One read and one write may be in progress at the same time, never two of a kind.
class byte_stream {
 public:
  byte_stream() = default;
  byte_stream(const byte_stream&) = delete;
  byte_stream& operator=(const byte_stream&) = delete;
  virtual ~byte_stream() = default;

  // Reads at least one byte, or fails; the clean end is boost::asio::error::eof.
  virtual flow::awaitable<flow::result<std::size_t>> read_some(
      boost::asio::mutable_buffer buffer) = 0;

  // Writes everything. Modifies the buffer descriptors to track progress: they are
  // undefined afterwards.
  virtual flow::awaitable<flow::result<void>> write(
      std::span<boost::asio::const_buffer> buffers) = 0;

  // Closes immediately. Operations in progress end with an error. May be called again.
  virtual void close() = 0;
};

namespace detail {

// Drops the first `n` bytes.
void consume(std::span<boost::asio::const_buffer>& buffers, std::size_t n) noexcept;

template <class Stream>
class asio_byte_stream final : public byte_stream {
 public:
  explicit asio_byte_stream(Stream&& stream) : stream_(std::forward<Stream>(stream)) {}

  flow::awaitable<flow::result<std::size_t>> read_some(
      boost::asio::mutable_buffer buffer) override {
    const auto r = co_await stream_.async_read_some(buffer, flow::as_result);
    const auto& [ec, n] = r;
    if (ec) {
      co_return flow::error(ec);
    }
    co_return n;
  }

  flow::awaitable<flow::result<void>> write(std::span<boost::asio::const_buffer> buffers) override {
    while (!buffers.empty()) {
      const auto r = co_await stream_.async_write_some(buffers, flow::as_result);
      const auto& [ec, n] = r;
      if (ec) {
        co_return flow::error(ec);
      }
      consume(buffers, n);
    }
    co_return flow::result<void>();
  }

  void close() override {
    if constexpr (requires(flow::error_code ec) { stream_.close(ec); }) {
      flow::error_code ignored;
      stream_.close(ignored);
    } else if constexpr (requires {
                           { stream_.close() } -> std::same_as<void>;
                         }) {
      stream_.close();
    } else {
      stream_.abort();
    }
  }

 private:
  Stream stream_;
};

}  // namespace detail

// Adapts any AsyncReadStream and AsyncWriteStream of Asio. It must end immediately by close(ec),
// void close() or abort(). A stream given as an lvalue is borrowed and must outlive the adapter,
// for callers that want to end it in their own way; an rvalue is moved in.
template <class Stream>
std::unique_ptr<byte_stream> make_byte_stream(Stream&& stream) {
  return std::make_unique<detail::asio_byte_stream<Stream>>(std::forward<Stream>(stream));
}

}  // namespace ttrpc
