#include "flow/device/uplink.hpp"

#include <array>
#include <boost/asio/error.hpp>
#include <cstring>

#include "flow/system/scm_rights.hpp"

namespace flow::device {
namespace {

constexpr std::size_t message_size = sizeof(uplink_message);
static_assert(message_size == 8);

}  // namespace

result<> send_connection(int uplink, const uplink_message& message, int socket) {
  return send_with_descriptors(uplink, std::as_bytes(std::span(&message, 1)),
                               std::span(&socket, 1));
}

result<uplink_connection> receive_connection(int uplink) {
  // One byte more than a message, to notice a longer one.
  std::array<std::byte, message_size + 1> bytes{};
  std::vector<unique_fd> descriptors;
  const auto received = receive_with_descriptors(uplink, bytes, descriptors);
  if (!received) {
    return received.error().in("uplink");
  }
  if (*received == 0 && descriptors.empty()) {
    return error(boost::asio::error::make_error_code(boost::asio::error::eof), "uplink");
  }
  if (*received != message_size || descriptors.size() != 1) {
    return error(errc::protocol, "uplink: malformed message");
  }
  uplink_connection connection{{}, std::move(descriptors.front())};
  std::memcpy(&connection.ports, bytes.data(), message_size);
  return connection;
}

}  // namespace flow::device
