// Beast, as a user of streams that does not know them.
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include "tests/unit/flow/stream_fixture.hpp"

using namespace std::chrono_literals;
using namespace tests;
namespace http = boost::beast::http;

namespace {

awaitable<bool> serve_one(stream& s) {
  boost::beast::flat_buffer buffer;
  http::request<http::string_body> request;
  const auto read = co_await http::async_read(s, buffer, request, flow::as_result);
  EXPECT_EQ(std::get<0>(read), flow::error_code());
  http::response<http::string_body> response{http::status::ok, request.version()};
  response.set(http::field::content_type, "application/octet-stream");
  response.body() = request.body() + request.body();
  response.chunked(true);
  const auto written = co_await http::async_write(s, response, flow::as_result);
  EXPECT_EQ(std::get<0>(written), flow::error_code());
  const auto ended = co_await s.shutdown_write();
  co_return ended.has_value();
}

}  // namespace

TEST(StreamHttp, ARequestAndItsResponseOfManyFrames) {
  co_test([](auto executor) -> awaitable<void> {
    for (const std::size_t most : {3U, 1U << 20U}) {
      stream_pair p(executor);
      p.link.to_first().max_read = p.link.to_second().max_read = most;
      started serving(executor, serve_one(p.b));
      http::request<http::string_body> request{http::verb::post, "/healthz", 11};
      request.set(http::field::host, "guest");
      request.body() = pattern(20'000);
      request.prepare_payload();
      const auto written = co_await http::async_write(p.a, request, flow::as_result);
      EXPECT_EQ(std::get<0>(written), flow::error_code());
      boost::beast::flat_buffer buffer;
      http::response<http::string_body> response;
      const auto read = co_await http::async_read(p.a, buffer, response, flow::as_result);
      EXPECT_EQ(std::get<0>(read), flow::error_code());
      EXPECT_EQ(response.result(), http::status::ok);
      EXPECT_TRUE(response.body() == pattern(20'000) + pattern(20'000));
      co_await serving.wait();
      EXPECT_TRUE(*serving);
      // The clean end of a stream is the end that Beast knows.
      const auto after = co_await http::async_read(p.a, buffer, response, flow::as_result);
      EXPECT_EQ(std::get<0>(after), http::error::end_of_stream);
    }
  });
}
