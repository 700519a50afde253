// Sends and receives whole vhost-user messages on the front end's socket, without blocking.
#pragma once

#include <span>
#include <vector>

#include "flow/device/vhost_user/protocol.hpp"
#include "flow/error.hpp"
#include "flow/unique_fd.hpp"

namespace flow::device {

struct vhost_user_message {
  vhost_user::header header{};
  std::vector<std::byte> payload;      // header.size bytes
  std::vector<unique_fd> descriptors;  // received with the message

  bool needs_reply() const noexcept { return (header.flags & vhost_user::flag_need_reply) != 0; }
};

class vhost_user_channel {
 public:
  // `socket` is a connected unix stream socket.
  explicit vhost_user_channel(unique_fd socket) : socket_(std::move(socket)) {}

  int fd() const noexcept { return socket_.get(); }

  // Puts the next message into `message` if it is complete; false if more must arrive first.
  // asio::error::eof if the front end has closed between two messages, errc::truncated if inside
  // one, errc::protocol for anything that is not a message of this protocol version or is too long.
  result<bool> receive(vhost_user_message& message);

  // Answers `to` with `payload`.
  result<> reply(const vhost_user_message& to, std::span<const std::byte> payload);

 private:
  // Reads into `into` until it is full; false if more must come first.
  result<bool> fill(std::span<std::byte> into);

  unique_fd socket_;
  vhost_user_message pending_;
  std::size_t filled_ = 0;  // of header and payload together
};

}  // namespace flow::device
