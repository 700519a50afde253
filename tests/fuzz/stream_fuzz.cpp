// A stream between a hostile peer and an erratic application: whatever both do, in whatever order,
// it keeps its guarantees and comes to an end.
//
// Input: a program, read byte by byte: actions of the application, and data sent by the peer.
#include <boost/asio/co_spawn.hpp>
#include <cstdlib>
#include <vector>

#include "flow/stream.hpp"
#include "flow/testing/memory_transport.hpp"

namespace {

using flow::frame_code;
using flow::stream;
namespace asio = boost::asio;

void require(bool condition) {
  if (!condition) {
    std::abort();
  }
}

class program {
 public:
  program(const std::uint8_t* data, std::size_t size) : rest_(data, size) {}

  bool done() const { return rest_.empty(); }
  std::uint8_t next() {
    if (rest_.empty()) {
      return 0;
    }
    const std::uint8_t b = rest_.front();
    rest_ = rest_.subspan(1);
    return b;
  }

 private:
  std::span<const std::uint8_t> rest_;
};

class session {
 public:
  session(asio::io_context& context, program& p)
      : context_(context),
        program_(p),
        link_(context.get_executor()),
        peer_(link_.second()),
        stream_(link_.first(), options(p)) {
    link_.to_second().capacity = 1U + program_.next() * 40U;
    link_.to_first().max_read = 1U + program_.next() * 20U;
  }

  void run() {
    while (!program_.done()) {
      step();
      context_.restart();
      if (program_.next() % 2 == 0) {
        context_.poll();
      }
    }
    stream_.abort();
    context_.restart();
    context_.run();
    require(outstanding_ == 0);
    require(stream_.bytes_read() <= sent_by_peer_);
  }

 private:
  static stream::options options(program& p) {
    stream::options o;
    o.max_payload = 1U + p.next();
    o.max_frame = 1U + p.next() * 10U;
    o.read_ahead = 4U + p.next() * 10U;
    o.max_drain = p.next() * 100U;
    return o;
  }

  template <class T>
  void start(flow::awaitable<T> operation) {
    ++outstanding_;
    asio::co_spawn(context_, std::move(operation), [this](const std::exception_ptr& e, auto...) {
      require(e == nullptr);
      --outstanding_;
    });
  }

  void send(const void* data, std::size_t size) {
    const iovec whole{const_cast<void*>(data), size};
    flow::error_code ec;
    sent_by_peer_ += peer_->write_some({&whole, 1}, ec);
  }

  void send(std::uint32_t value) {
    const auto header = flow::encode_header(value);
    send(header.data(), header.size());
  }

  void send_any_header() {
    flow::frame_header header;
    for (auto& b : header) {
      b = std::byte(program_.next());
    }
    send(header.data(), header.size());
  }

  void step() {
    switch (program_.next() % 16) {
      case 0:
        start(stream_.read_some(asio::buffer(buffer_.data(), program_.next() * 100U)));
        break;
      case 1:
        start(stream_.write(asio::buffer(bytes_.data(), program_.next() * 10U)));
        break;
      case 2:
        start(stream_.shutdown_write());
        break;
      case 3:
        start(stream_.shutdown_read());
        break;
      case 4:
        start(stream_.close(std::chrono::hours(1)));
        break;
      case 5:
        start(stream_.wait_peer_closed());
        break;
      case 6:
        send(static_cast<std::uint32_t>(frame_code::shutdown_read));
        break;
      case 7:
        send(static_cast<std::uint32_t>(frame_code::shutdown_write));
        break;
      case 8:
        send(static_cast<std::uint32_t>(frame_code::close));
        break;
      case 9: {
        const std::uint32_t size = program_.next() * 10U;
        send(size);
        send(bytes_.data(), size);
        break;
      }
      case 10:
        send_any_header();
        break;
      case 11: {
        flow::error_code ec;
        std::vector<std::byte> sink(program_.next() * 100U + 1U);
        const iovec to{sink.data(), sink.size()};
        peer_->read_some({&to, 1}, ec);
        break;
      }
      case 12:
        link_.to_first().storm = program_.next() % 2 == 0;
        break;
      case 13:
        link_.reset(program_.next() % 2 == 0 ? flow::testing::memory_link::shown_as::error
                                             : flow::testing::memory_link::shown_as::end);
        break;
      case 14:
        peer_->close();
        break;
      default: {
        const std::uint8_t b = program_.next();
        send(&b, 1);
        break;
      }
    }
  }

  asio::io_context& context_;
  program& program_;
  flow::testing::memory_link link_;
  std::unique_ptr<flow::transport> peer_;
  stream stream_;
  std::vector<std::byte> buffer_ = std::vector<std::byte>(26'000);
  std::vector<std::byte> bytes_ = std::vector<std::byte>(2'600);
  std::uint64_t sent_by_peer_ = 0;
  int outstanding_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  program p(data, size);
  asio::io_context context(1);
  session(context, p).run();
  return 0;
}
