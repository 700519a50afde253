#include "tests/e2e/harness/raw_connection.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <cstring>

#include "ttrpc/ttrpc.pb.h"

namespace e2e {

namespace {

constexpr std::size_t header_size = 10;
constexpr char request_type = 1;

void append_u32(std::string& out, std::uint32_t value) {
  for (const unsigned shift : {24U, 16U, 8U, 0U}) {
    out += static_cast<char>(value >> shift);
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

raw_connection::raw_connection(const std::string& socket)
    : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, socket.c_str(), sizeof(address.sun_path) - 1);
  EXPECT_EQ(::connect(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0)
      << socket;
  const timeval patience{.tv_sec = 60, .tv_usec = 0};
  ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
}

std::string raw_connection::frame(const std::string& message) {
  std::string bytes;
  append_u32(bytes, static_cast<std::uint32_t>(message.size()));
  append_u32(bytes, stream_);
  bytes += request_type;
  bytes += '\0';
  stream_ += 2;
  return bytes + message;
}

std::string raw_connection::call(const std::string& method, const std::string& payload,
                                 const std::string& service) {
  ttrpc::Request request;
  request.set_service(service);
  request.set_method(method);
  request.set_payload(payload);
  return frame(request.SerializeAsString());
}

void raw_connection::send(const std::string& bytes) {
  std::size_t done = 0;
  while (done < bytes.size()) {
    const auto n = ::send(fd_.get(), bytes.data() + done, bytes.size() - done, MSG_NOSIGNAL);
    ASSERT_GT(n, 0) << "after " << done << " bytes";
    done += static_cast<std::size_t>(n);
  }
}

std::uint32_t raw_connection::request(const std::string& method, const std::string& payload,
                                      const std::string& service) {
  const auto stream = stream_;
  send(call(method, payload, service));
  return stream;
}

bool raw_connection::try_request(const std::string& method, const std::string& payload) {
  const auto bytes = call(method, payload, "containerd.task.v2.Task");
  const auto n = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  return n == static_cast<ssize_t>(bytes.size());
}

std::uint32_t raw_connection::nonsense(std::size_t size) {
  const auto stream = stream_;
  send(frame(std::string(size, '\xff')));
  return stream;
}

bool raw_connection::read_exactly(std::string& to) {
  std::size_t done = 0;
  while (done < to.size()) {
    const auto n = ::recv(fd_.get(), to.data() + done, to.size() - done, 0);
    if (n <= 0) {
      return false;
    }
    done += static_cast<std::size_t>(n);
  }
  return true;
}

std::optional<raw_connection::response> raw_connection::receive() {
  std::string header(header_size, '\0');
  if (!read_exactly(header)) {
    return {};
  }
  std::string message(u32_at(header, 0), '\0');
  ttrpc::Response parsed;
  if (!read_exactly(message) || !parsed.ParseFromString(message)) {
    return {};
  }
  return response{.stream = u32_at(header, 4),
                  .code = parsed.status().code(),
                  .message = parsed.status().message(),
                  .payload = parsed.payload()};
}

}  // namespace e2e
