#include "runtime_api/ttrpc/byte_stream.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/local/connect_pair.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <string>
#include <vector>

#include "tests/support/co_test.hpp"
#include "tests/unit/runtime_api/raw_peer.hpp"

using flow::awaitable;
using tests::co_test;

namespace {

namespace asio = boost::asio;

// Accepts at most three bytes per write, and records them.
class reluctant_stream {
 public:
  using executor_type = asio::any_io_executor;

  reluctant_stream(executor_type executor, std::string& written)
      : executor_(std::move(executor)), written_(&written) {}

  executor_type get_executor() const noexcept { return executor_; }

  template <class Buffers, class Token>
  auto async_write_some(const Buffers& buffers, Token&& token) {
    std::string piece(3, '\0');
    piece.resize(asio::buffer_copy(asio::buffer(piece), buffers));
    *written_ += piece;
    return complete(piece.size(), std::forward<Token>(token));
  }

  template <class Buffers, class Token>
  auto async_read_some(const Buffers& buffers, Token&& token) {
    return complete(asio::buffer_copy(buffers, asio::buffer("abc", 3)), std::forward<Token>(token));
  }

  void abort() { *written_ += "|aborted"; }

 private:
  template <class Token>
  auto complete(std::size_t n, Token&& token) {
    return asio::async_initiate<Token, void(flow::error_code, std::size_t)>(
        [n, executor = executor_](auto handler) {
          asio::post(executor, [n, h = std::move(handler)]() mutable {
            std::move(h)(flow::error_code(), n);
          });
        },
        token);
  }

  executor_type executor_;
  std::string* written_;
};

}  // namespace

TEST(TtrpcByteStream, WritesEverythingThoughTheStreamTakesLittle) {
  co_test([](auto executor) -> awaitable<void> {
    std::string written;
    const auto stream = ttrpc::make_byte_stream(reluctant_stream(executor, written));
    std::vector<asio::const_buffer> buffers = {asio::buffer("", 0),       asio::buffer("ab", 2),
                                               asio::buffer("cdefgh", 6), asio::buffer("", 0),
                                               asio::buffer("i", 1),      asio::buffer("", 0)};
    const auto done = co_await stream->write(buffers);
    EXPECT_TRUE(done.has_value());
    EXPECT_EQ(written, "abcdefghi");
  });
}

TEST(TtrpcByteStream, BorrowsStreamsAndAbortsThoseThatDoNotClose) {
  co_test([](auto executor) -> awaitable<void> {
    std::string written;
    reluctant_stream borrowed(executor, written);
    const auto stream = ttrpc::make_byte_stream(borrowed);
    std::string got(10, '\0');
    const auto n = co_await stream->read_some(asio::buffer(got));
    EXPECT_EQ(*n, 3U);
    stream->close();
    EXPECT_EQ(written, "|aborted");
  });
}

TEST(TtrpcByteStream, CloseEndsAReadUnderWay) {
  co_test([](auto executor) -> awaitable<void> {
    const auto pair = tests::make_stream_pair(executor);
    asio::post(executor, [&] { pair.server->close(); });
    std::string got(10, '\0');
    const auto n = co_await pair.server->read_some(asio::buffer(got));
    EXPECT_EQ(n.error().code(), asio::error::operation_aborted);
    pair.server->close();
  });
}

TEST(TtrpcByteStream, EndOfThePeerIsEof) {
  co_test([](auto executor) -> awaitable<void> {
    const auto pair = tests::make_stream_pair(executor);
    pair.client->close();
    std::string got(10, '\0');
    const auto n = co_await pair.server->read_some(asio::buffer(got));
    EXPECT_EQ(n.error().code(), asio::error::eof);
  });
}
