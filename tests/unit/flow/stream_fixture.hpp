// Shared by the tests of the stream: a stream at one end of a link in memory, and at the other a
// peer that writes and reads the wire format by hand, byte for byte.
//
//   stream_fixture f(executor);
//   f.peer.send(data("hello"), frame_code::close);
//   co_await turns(executor);
//   EXPECT_EQ(f.peer.received(), "Close");
#pragma once

#include <boost/asio/post.hpp>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>

#include "flow/frame_decoder.hpp"
#include "flow/stream.hpp"
#include "flow/testing/memory_transport.hpp"
#include "tests/support/co_test.hpp"
#include "tests/unit/flow/pattern.hpp"

namespace tests {

using flow::awaitable;
using flow::errc;
using flow::frame_code;
using flow::stream;

// Lets everything happen that can happen without time passing. Links in memory complete within a
// few turns of the executor; nothing here depends on how many more there are.
inline awaitable<void> turns(boost::asio::any_io_executor executor, int count = 100) {
  for (int i = 0; i < count; ++i) {
    co_await boost::asio::post(executor, boost::asio::use_awaitable);
  }
}

// An operation that runs concurrently with the test. `*op` once it is done().
template <class T>
class started {
 public:
  started(const boost::asio::any_io_executor& executor, awaitable<T> operation)
      : executor_(executor), result_(std::make_shared<std::optional<T>>()) {
    boost::asio::co_spawn(executor, std::move(operation),
                          [r = result_](const std::exception_ptr& e, T value) {
                            if (!e) {
                              r->emplace(std::move(value));
                            }
                          });
  }

  bool done() const { return result_->has_value(); }
  T& operator*() const {
    std::optional<T>& value = *result_;
    if (!value) {
      throw std::logic_error("the operation is not done");
    }
    return *value;
  }
  T* operator->() const { return &operator*(); }

  awaitable<void> wait() {
    while (!done()) {
      co_await boost::asio::post(executor_, boost::asio::use_awaitable);
    }
  }

 private:
  boost::asio::any_io_executor executor_;
  std::shared_ptr<std::optional<T>> result_;
};

template <>
class started<void> : public started<bool> {
 public:
  started(const boost::asio::any_io_executor& executor, awaitable<void> operation)
      : started<bool>(executor, finish(std::move(operation))) {}

 private:
  static awaitable<bool> finish(awaitable<void> operation) {
    co_await std::move(operation);
    co_return true;
  }
};

template <class T>
started(boost::asio::any_io_executor, awaitable<T>) -> started<T>;

// The bytes of frames.
inline std::string header(std::uint32_t value) {
  const auto h = flow::encode_header(value);
  return {reinterpret_cast<const char*>(h.data()), h.size()};
}
inline std::string wire(frame_code code) {
  return header(static_cast<std::uint32_t>(code));
}
inline std::string data(const std::string& payload) {
  return header(static_cast<std::uint32_t>(payload.size())) + payload;
}

// The other end of a link, driven by hand. Never blocks: the link has room.
class wire_peer {
 public:
  explicit wire_peer(std::unique_ptr<flow::transport> t) : transport_(std::move(t)) {}

  template <class... Parts>
  void send(const Parts&... parts) {
    (send_bytes(to_bytes(parts)), ...);
  }

  // The frames received since the last call: "Data 5, ShutdownWrite, Close, End", where End is the
  // end of the transport. Their payload is in `payload`.
  std::string received();

  void close() { transport_->close(); }

  std::string payload;
  std::size_t send_failures = 0;

 private:
  static std::string to_bytes(frame_code code) { return wire(code); }
  static std::string to_bytes(const std::string& bytes) { return bytes; }
  void send_bytes(const std::string& bytes);

  std::unique_ptr<flow::transport> transport_;
  flow::frame_decoder decoder_{0x7fffffff};
  std::uint32_t inside_ = 0;  // length of a Data frame that is not complete yet
};

struct stream_fixture {
  explicit stream_fixture(const boost::asio::any_io_executor& executor,
                          const stream::options& o = {})
      : link(executor), s(link.first(), o), peer(link.second()) {}

  flow::testing::memory_link link;
  stream s;
  wire_peer peer;
};

// Two streams.
struct stream_pair {
  explicit stream_pair(const boost::asio::any_io_executor& executor, const stream::options& o = {})
      : link(executor), a(link.first(), o), b(link.second(), o) {}

  flow::testing::memory_link link;
  stream a;
  stream b;
};

// Reads to the end, in pieces of at most `piece`; `*ending` is how it ended.
awaitable<std::string> read_to_end(stream& s, flow::error_code* ending, std::size_t piece = 65536);

// The error of a read that is expected to fail; none if it did not.
awaitable<flow::error_code> read_error(stream& s);
awaitable<flow::error_code> write_error(stream& s, std::string bytes = "x");

// Sends `there` bytes from a to b and `back` the other way at the same time, both to their end,
// checks the received bytes, and closes both.
awaitable<void> exchange(stream& a, stream& b, std::size_t there, std::size_t back,
                         std::size_t piece = 65536);

}  // namespace tests
