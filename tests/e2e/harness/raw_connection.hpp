// ttrpc by hand: frames that no well-behaved client sends, and answers that nobody reads.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "flow/unique_fd.hpp"

namespace e2e {

class raw_connection {
 public:
  explicit raw_connection(const std::string& socket);

  struct response {
    std::uint32_t stream = 0;
    int code = 0;  // of its status; 0 if there is none
    std::string message = {};
    std::string payload = {};
  };

  // A call of `method`, on the next stream. Returns the stream.
  std::uint32_t request(const std::string& method, const std::string& payload,
                        const std::string& service = "containerd.task.v2.Task");

  // False if the other side takes no more without waiting.
  bool try_request(const std::string& method, const std::string& payload);

  // A request of so many bytes, none of which mean anything.
  std::uint32_t nonsense(std::size_t size);

  // The next answer; nothing if none comes within a minute, or the connection has ended.
  std::optional<response> receive();

 private:
  std::string frame(const std::string& message);
  std::string call(const std::string& method, const std::string& payload,
                   const std::string& service);
  void send(const std::string& bytes);
  bool read_exactly(std::string& to);

  flow::unique_fd fd_;
  std::uint32_t stream_ = 1;
};

}  // namespace e2e
