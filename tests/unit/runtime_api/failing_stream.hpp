// A byte stream that ends after a given number of bytes, anywhere in a frame.
#pragma once

#include <cstddef>
#include <memory>

#include "runtime_api/ttrpc/byte_stream.hpp"

namespace tests {

class failing_stream final : public ttrpc::byte_stream {
 public:
  // Lets `bytes` pass, reads and writes together, then fails everything and closes `inner`.
  failing_stream(std::unique_ptr<ttrpc::byte_stream> inner, std::size_t bytes)
      : inner_(std::move(inner)), left_(bytes) {}

  flow::awaitable<flow::result<std::size_t>> read_some(boost::asio::mutable_buffer buffer) override;
  flow::awaitable<flow::result<void>> write(std::span<boost::asio::const_buffer> buffers) override;
  void close() override { inner_->close(); }

 private:
  std::unique_ptr<ttrpc::byte_stream> inner_;
  std::size_t left_;
};

}  // namespace tests
