#include "tests/unit/runtime_api/raw_peer.hpp"

#include <gtest/gtest.h>

#include <boost/asio/local/connect_pair.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>

namespace tests {
namespace {

using flow::awaitable;

void append_u32(std::string& out, std::uint32_t value) {
  for (const int shift : {24, 16, 8, 0}) {
    out += static_cast<char>(value >> static_cast<unsigned>(shift));
  }
}

std::uint32_t u32_at(const std::string& bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = at; i < at + 4; ++i) {
    value = value << 8U | static_cast<std::uint8_t>(bytes[i]);
  }
  return value;
}

}  // namespace

std::string raw_bytes(const raw_frame& frame) {
  std::string out;
  append_u32(out, static_cast<std::uint32_t>(frame.payload.size()));
  append_u32(out, frame.id);
  out += static_cast<char>(frame.type);
  out += static_cast<char>(frame.flags);
  return out + frame.payload;
}

awaitable<void> raw_peer::send_bytes(std::string bytes) {
  const auto r =
      co_await boost::asio::async_write(socket_, boost::asio::buffer(bytes), flow::as_result);
  const auto& [ec, n] = r;
  EXPECT_FALSE(ec) << ec.message();
}

awaitable<void> raw_peer::send(raw_frame frame) {
  co_await send_bytes(raw_bytes(frame));
}

awaitable<void> raw_peer::request(std::uint32_t id, std::string method, std::string payload,
                                  std::uint8_t flags, std::string service) {
  ttrpc::Request message;
  message.set_service(std::move(service));
  message.set_method(std::move(method));
  message.set_payload(std::move(payload));
  raw_frame frame{
      .id = id, .type = request_type, .flags = flags, .payload = message.SerializeAsString()};
  co_await send(std::move(frame));
}

awaitable<std::optional<raw_frame>> raw_peer::receive() {
  std::string header(10, '\0');
  const auto r =
      co_await boost::asio::async_read(socket_, boost::asio::buffer(header), flow::as_result);
  if (std::get<0>(r)) {
    co_return std::nullopt;
  }
  raw_frame frame{.id = u32_at(header, 4),
                  .type = static_cast<std::uint8_t>(header[8]),
                  .flags = static_cast<std::uint8_t>(header[9]),
                  .payload = std::string(u32_at(header, 0), '\0')};
  const auto rest = co_await boost::asio::async_read(socket_, boost::asio::buffer(frame.payload),
                                                     flow::as_result);
  EXPECT_FALSE(std::get<0>(rest)) << "the stream ended inside a frame";
  co_return frame;
}

awaitable<ttrpc::Response> raw_peer::receive_response(std::uint32_t id) {
  ttrpc::Response response;
  const auto frame = co_await receive();
  EXPECT_TRUE(frame.has_value()) << "the stream ended";
  if (frame) {
    EXPECT_EQ(frame->id, id);
    EXPECT_EQ(frame->type, response_type);
    EXPECT_EQ(frame->flags, 0);
    EXPECT_TRUE(response.ParseFromString(frame->payload));
  }
  co_return response;
}

raw_connection make_raw_connection(const boost::asio::any_io_executor& executor) {
  unix_socket near(executor);
  unix_socket far(executor);
  boost::asio::local::connect_pair(near, far);
  return {raw_peer(std::move(near)), ttrpc::make_byte_stream(std::move(far))};
}

stream_pair make_stream_pair(const boost::asio::any_io_executor& executor) {
  unix_socket client(executor);
  unix_socket server(executor);
  boost::asio::local::connect_pair(client, server);
  return {ttrpc::make_byte_stream(std::move(client)), ttrpc::make_byte_stream(std::move(server))};
}

}  // namespace tests
