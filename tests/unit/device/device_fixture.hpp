// A device, its back end and a fake guest in one process and thread: everything happens in turns.
#pragma once

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "flow/device/event_loop.hpp"
#include "flow/device/limits.hpp"
#include "flow/device/vhost_user/backend.hpp"
#include "flow/device/vsock/connector.hpp"
#include "flow/device/vsock/device.hpp"
#include "flow/system/log.hpp"
#include "tests/support/device/fake_guest.hpp"
#include "tests/support/device/guest_kernel.hpp"

namespace tests {

inline std::array<flow::unique_fd, 2> socket_pair(int type = SOCK_STREAM) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) != 0) {
    throw std::runtime_error("socketpair");
  }
  return {flow::unique_fd(ends[0]), flow::unique_fd(ends[1])};
}

// A stream socket of the host as its user sees it.
class host_socket {
 public:
  explicit host_socket(flow::unique_fd fd) : fd_(std::move(fd)) {}

  int fd() const { return fd_.get(); }
  void close() { fd_.reset(); }
  void shutdown_write() { ::shutdown(fd_.get(), SHUT_WR); }
  void shutdown_read() { ::shutdown(fd_.get(), SHUT_RD); }

  // How much the socket accepted; -1 with errno if it has ended.
  ssize_t send(std::string_view bytes) {
    const auto n = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    return n < 0 && errno == EAGAIN ? 0 : n;
  }

  // The available bytes, up to `most`. Afterwards ended() or failed() may report more.
  std::string read(std::size_t most = SIZE_MAX) {
    std::string all;
    std::array<char, 65536> part;
    while (all.size() < most) {
      const auto n = ::recv(fd_.get(), part.data(), std::min(part.size(), most - all.size()), 0);
      if (n <= 0) {
        end_of_file_ = n == 0;
        error_ = n < 0 && errno != EAGAIN ? errno : 0;
        break;
      }
      all.append(part.data(), static_cast<std::size_t>(n));
    }
    return all;
  }
  bool end_of_file() const { return end_of_file_; }
  int error() const { return error_; }
  // Whether reading has ended, either way.
  bool over() const { return end_of_file_ || error_ != 0; }

 private:
  flow::unique_fd fd_;
  bool end_of_file_ = false;
  int error_ = 0;
};

// Takes the guest's connections, or refuses them.
class test_connector final : public flow::device::connector {
 public:
  flow::result<flow::unique_fd> connect(const flow::device::connection_key& key) override {
    last_ = key;
    if (refuse) {
      return flow::error(flow::errc::unavailable, "refused by the test");
    }
    auto ends = socket_pair();
    waiting_[{key.guest_port, key.host_port}] = std::move(ends[1]);
    return std::move(ends[0]);
  }

  void accepted(const flow::device::connection_key& key, int socket) override {
    last_ = key;
    ++accepts;
    ::send(socket, "!", 1, MSG_NOSIGNAL);
  }

  // The host's end of a connection that the guest opened.
  host_socket take(std::uint32_t guest_port, std::uint32_t host_port) {
    auto node = waiting_.extract({guest_port, host_port});
    if (node.empty()) {
      throw std::runtime_error("no such connection");
    }
    return host_socket(std::move(node.mapped()));
  }
  bool has(std::uint32_t guest_port, std::uint32_t host_port) const {
    return waiting_.contains({guest_port, host_port});
  }
  const flow::device::connection_key& last() const { return last_; }

  bool refuse = false;
  int accepts = 0;

 private:
  std::map<std::pair<std::uint32_t, std::uint32_t>, flow::unique_fd> waiting_;
  flow::device::connection_key last_;
};

// The parts, set up but not yet communicating.
class device_under_test {
 public:
  explicit device_under_test(const fake_guest::options& o = {},
                             std::size_t limit = flow::device::max_connections)
      : log_file_(::memfd_create("log", MFD_CLOEXEC)),
        log(log_file_.get()),
        loop(make_loop()),
        device(loop, log, connector, o.cid, limit) {
    auto ends = socket_pair();
    backend = std::make_unique<flow::device::vhost_user_backend>(
        loop, log, device, o.cid, std::move(ends[0]),
        [this](const std::optional<flow::error>& why) {
          closed = true;
          failure = why ? std::make_unique<flow::error>(*why) : nullptr;
        });
    if (!backend->start()) {
      throw std::runtime_error("back end");
    }
    loop.set_work([this] { return device.run(); });
    guest = std::make_unique<fake_guest>(std::move(ends[1]), [this] { turn(); }, o);
    kernel = std::make_unique<guest_kernel>(*guest);
  }

  std::string logged() const {
    std::string text(65536, '\0');
    const auto n = ::pread(log_file_.get(), text.data(), text.size(), 0);
    text.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
    return text;
  }

  void turn() {
    if (!loop.run_once(std::chrono::milliseconds(0))) {
      throw std::runtime_error("loop");
    }
  }

 private:
  static flow::device::event_loop make_loop() {
    auto made = flow::device::event_loop::create();
    if (!made) {
      throw std::runtime_error("loop");
    }
    return std::move(*made);
  }

  flow::unique_fd log_file_;

 public:
  flow::log log;
  flow::device::event_loop loop;
  test_connector connector;
  flow::device::vsock_device device;
  std::unique_ptr<flow::device::vhost_user_backend> backend;
  std::unique_ptr<fake_guest> guest;
  std::unique_ptr<guest_kernel> kernel;
  bool closed = false;                   // the back end has lost its front end
  std::unique_ptr<flow::error> failure;  // why, if not orderly
};

// One that has booted.
class DeviceTest : public ::testing::Test, public device_under_test {
 protected:
  void SetUp() override { guest->boot(); }

  // A connection of the guest, established.
  struct pair {
    std::unique_ptr<guest_socket> guest;
    host_socket host;
  };
  pair connect(std::uint32_t guest_port = 1000, std::uint32_t host_port = 80,
               std::uint32_t buffer = guest_socket::default_buffer) {
    auto s = std::make_unique<guest_socket>(*kernel, guest_port, host_port, buffer);
    if (!s->connect()) {
      throw std::runtime_error("refused");
    }
    return {std::move(s), connector.take(guest_port, host_port)};
  }

  bool until(const std::function<bool()>& condition) { return kernel->until(condition); }

  // Reads at the host until the end, or until `size` bytes have arrived.
  std::string read_all(host_socket& host, std::size_t size = SIZE_MAX) {
    std::string all;
    EXPECT_TRUE(until([&] {
      all += host.read(size - all.size());
      return all.size() == size || host.over();
    })) << "after "
        << all.size() << " bytes";
    return all;
  }

  void settle() {
    for (int i = 0; i < 10; ++i) {
      kernel->turn();
    }
  }
};

// Bytes that identify their position.
inline std::string pattern(std::size_t size, std::uint32_t seed = 1) {
  std::string text(size, '\0');
  for (auto& c : text) {
    seed = seed * 1664525U + 1013904223U;
    c = static_cast<char>(seed >> 24U);
  }
  return text;
}

}  // namespace tests
