// The front end's (QEMU's) side of vhost-user, simulated by a test.
#pragma once

#include <poll.h>
#include <sys/socket.h>

#include <cstring>
#include <functional>
#include <span>
#include <stdexcept>
#include <vector>

#include "flow/device/vhost_user/protocol.hpp"
#include "flow/system/scm_rights.hpp"
#include "flow/unique_fd.hpp"

namespace tests {

class front_end {
 public:
  using request = flow::device::vhost_user::request;

  // `turn` lets the back end work; called while an answer is awaited.
  front_end(flow::unique_fd socket, std::function<void()> turn)
      : socket_(std::move(socket)), turn_(std::move(turn)) {}

  int fd() const { return socket_.get(); }

  // The death of the front end.
  void hang_up() { socket_.reset(); }

  void send_bytes(std::span<const std::byte> bytes, std::span<const int> descriptors = {}) {
    const auto sent = flow::send_with_descriptors(socket_.get(), bytes, descriptors);
    if (!sent) {
      throw std::runtime_error("front end: " + sent.error().message());
    }
  }

  template <class T>
  void send(request id, const T& payload, std::span<const int> descriptors = {},
            std::uint32_t flags = 0) {
    send_raw(static_cast<std::uint32_t>(id), std::as_bytes(std::span(&payload, 1)), descriptors,
             flags);
  }

  void send_raw(std::uint32_t id, std::span<const std::byte> payload,
                std::span<const int> descriptors = {}, std::uint32_t flags = 0) {
    const flow::device::vhost_user::header header{id, flow::device::vhost_user::version | flags,
                                                  static_cast<std::uint32_t>(payload.size())};
    std::vector<std::byte> bytes(sizeof header + payload.size());
    std::memcpy(bytes.data(), &header, sizeof header);
    std::copy(payload.begin(), payload.end(), bytes.begin() + sizeof header);
    send_bytes(bytes, descriptors);
  }

  // Sends and returns the payload of the answer.
  std::vector<std::byte> ask(request id, std::span<const std::byte> payload = {},
                             std::span<const int> descriptors = {}, std::uint32_t flags = 0) {
    send_raw(static_cast<std::uint32_t>(id), payload, descriptors, flags);
    flow::device::vhost_user::header header{};
    receive(std::as_writable_bytes(std::span(&header, 1)));
    if (header.request != static_cast<std::uint32_t>(id) ||
        header.flags !=
            (flow::device::vhost_user::version | flow::device::vhost_user::flag_reply)) {
      throw std::runtime_error("front end: answer to something else");
    }
    std::vector<std::byte> answer(header.size);
    receive(answer);
    return answer;
  }

  std::uint64_t ask_u64(request id) { return to_u64(ask(id)); }

  // Requests an acknowledgement; 0 = success.
  template <class T>
  std::uint64_t acknowledged(request id, const T& payload, std::span<const int> descriptors = {}) {
    return to_u64(ask(id, std::as_bytes(std::span(&payload, 1)), descriptors,
                      flow::device::vhost_user::flag_need_reply));
  }

  // Whether the back end has closed the connection, which it must do soon.
  bool closed() {
    char byte = 0;
    for (int i = 0; i < patience; ++i) {
      turn_();
      const auto n = ::recv(socket_.get(), &byte, 1, MSG_DONTWAIT);
      if (n == 0 || (n < 0 && errno == ECONNRESET)) {
        return true;
      }
    }
    return false;
  }

 private:
  // Turns of the other side; one of another process lasts up to 10 ms.
  static constexpr int patience = 500;

  static std::uint64_t to_u64(const std::vector<std::byte>& answer) {
    std::uint64_t value = 0;
    if (answer.size() != sizeof value) {
      throw std::runtime_error("front end: answer of the wrong size");
    }
    std::memcpy(&value, answer.data(), sizeof value);
    return value;
  }

  void receive(std::span<std::byte> bytes) {
    for (int i = 0; !bytes.empty(); ++i) {
      const auto n = ::recv(socket_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
      if (n == 0 || (n < 0 && errno != EAGAIN) || i == patience) {
        throw std::runtime_error("front end: no answer");
      }
      if (n < 0) {
        turn_();
      } else {
        bytes = bytes.subspan(static_cast<std::size_t>(n));
      }
    }
  }

  flow::unique_fd socket_;
  std::function<void()> turn_;
};

}  // namespace tests
