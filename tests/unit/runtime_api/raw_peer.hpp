// One end of a socket pair whose frames are built and parsed by hand, so that a test can send what
// no client or server of ours would.
#pragma once

#include <boost/asio/local/stream_protocol.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "flow/asio.hpp"
#include "runtime_api/ttrpc/byte_stream.hpp"
#include "ttrpc/ttrpc.pb.h"

namespace tests {

using unix_socket = boost::asio::local::stream_protocol::socket;

constexpr std::uint8_t request_type = 1;
constexpr std::uint8_t response_type = 2;
constexpr std::uint8_t data_type = 3;

struct raw_frame {
  std::uint32_t id = 0;
  std::uint8_t type = 0;
  std::uint8_t flags = 0;
  std::string payload = "";
};

std::string raw_bytes(const raw_frame& frame);

class raw_peer {
 public:
  explicit raw_peer(unix_socket socket) : socket_(std::move(socket)) {}

  flow::awaitable<void> send_bytes(std::string bytes);
  flow::awaitable<void> send(raw_frame frame);

  // A request for tests.rpc.Test, or for `service`.
  flow::awaitable<void> request(std::uint32_t id, std::string method, std::string payload = "",
                                std::uint8_t flags = 0, std::string service = "tests.rpc.Test");

  // The next frame, or nothing at the end of the stream.
  flow::awaitable<std::optional<raw_frame>> receive();

  // The next frame, which must be a response.
  flow::awaitable<ttrpc::Response> receive_response(std::uint32_t id);

  unix_socket& socket() noexcept { return socket_; }

 private:
  unix_socket socket_;
};

struct raw_connection {
  raw_peer peer;
  std::unique_ptr<ttrpc::byte_stream> stream;  // for the side under test
};

raw_connection make_raw_connection(const boost::asio::any_io_executor& executor);

// Two ends for a client and a server of ours.
struct stream_pair {
  std::unique_ptr<ttrpc::byte_stream> client;
  std::unique_ptr<ttrpc::byte_stream> server;
};

stream_pair make_stream_pair(const boost::asio::any_io_executor& executor);

}  // namespace tests
