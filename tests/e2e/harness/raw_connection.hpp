// ttrpc by hand: frames that no well-behaved client sends, and answers that are not read.
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

  // Calls `method` on the next stream. Returns the stream's id.
  std::uint32_t request(const std::string& method, const std::string& payload,
                        const std::string& service = "containerd.task.v2.Task");

  // The same; false if the other side cannot take more without waiting.
  bool try_request(const std::string& method, const std::string& payload);

  // Sends a request of this many meaningless bytes.
  std::uint32_t nonsense(std::size_t size);

  // The next answer; nullopt if none arrives within a minute, or the connection has ended.
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
