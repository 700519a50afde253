// The two ways of a stream that a client connects to us (see streaming.hpp), as what they are to a
// process's output and input.
#pragma once

#include <memory>
#include <string>

#include "shim/io/sink.hpp"
#include "shim/io/source.hpp"
#include "shim/io/streaming.hpp"

namespace shim {

class stream_sink final : public sink {
 public:
  explicit stream_sink(std::unique_ptr<streaming::endpoint> to) : to_(std::move(to)) {}

  flow::awaitable<flow::result<std::size_t>> write_some(flow::asio::const_buffer data) override {
    return to_->write_some(data);
  }
  std::uint64_t unread() override { return 0; }
  bool has_reader() override { return to_->attached(); }
  void close() override { to_->close(); }

 private:
  std::unique_ptr<streaming::endpoint> to_;
};

class stream_source final : public source {
 public:
  explicit stream_source(std::unique_ptr<streaming::endpoint> from) : from_(std::move(from)) {}

  flow::awaitable<flow::result<std::size_t>> read_some(flow::asio::mutable_buffer buffer) override {
    return from_->read_some(buffer);
  }
  void close_input() noexcept override { from_->end_input(); }
  void close() override { from_->close(); }

 private:
  std::unique_ptr<streaming::endpoint> from_;
};

}  // namespace shim
