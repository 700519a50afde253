#include "flow/system/scm_rights.hpp"

#include <array>
#include <cerrno>
#include <cstring>

#include "flow/system/retry_interrupted.hpp"

namespace flow {
namespace {

// CMSG_SPACE for the maximum accepted, aligned as cmsghdr must be.
struct control_buffer {
  alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(max_descriptors * sizeof(int))> bytes{};
};

void collect(msghdr& message, std::vector<unique_fd>& descriptors) {
  for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
    if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) {
      continue;
    }
    const std::size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
      descriptors.emplace_back(fd);
    }
  }
}

}  // namespace

result<std::size_t> receive_with_descriptors(int socket, std::span<std::byte> bytes,
                                             std::vector<unique_fd>& descriptors) {
  iovec part{bytes.data(), bytes.size()};
  control_buffer control;
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes.data();
  message.msg_controllen = control.bytes.size();
  const auto n = retry_interrupted(
      [&] { return ::recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC); });
  if (n < 0) {
    return system_error("receive");
  }
  collect(message, descriptors);
  if ((static_cast<unsigned>(message.msg_flags) & MSG_CTRUNC) != 0) {
    return error(errc::protocol, "more descriptors than a message may carry");
  }
  return static_cast<std::size_t>(n);
}

result<> send_with_descriptors(int socket, std::span<const std::byte> bytes,
                               std::span<const int> descriptors) {
  if (descriptors.size() > max_descriptors) {
    return error(errc::invalid_argument, "too many descriptors for one message");
  }
  // sendmsg(2) only reads through the pointer.
  iovec part{const_cast<std::byte*>(bytes.data()), bytes.size()};
  control_buffer control;
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (!descriptors.empty()) {
    message.msg_control = control.bytes.data();
    message.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
    cmsghdr* c = CMSG_FIRSTHDR(&message);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(descriptors.size_bytes());
    std::memcpy(CMSG_DATA(c), descriptors.data(), descriptors.size_bytes());
  }
  const auto n =
      retry_interrupted([&] { return ::sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL); });
  if (n < 0) {
    return system_error("send");
  }
  if (static_cast<std::size_t>(n) != bytes.size()) {
    return system_error(EAGAIN, "send");
  }
  return {};
}

}  // namespace flow
