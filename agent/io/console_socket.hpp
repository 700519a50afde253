// The unix socket on which an OCI runtime sends the master of the pty that it made.
#pragma once

#include <string>

#include "flow/error.hpp"
#include "flow/unique_fd.hpp"

namespace agent {

class console_socket {
 public:
  // Listens at `path`, which must not exist.
  static flow::result<console_socket> listen(std::string path);
  console_socket(console_socket&&) = default;
  console_socket& operator=(console_socket&&) = delete;
  ~console_socket();

  const std::string& path() const noexcept { return path_; }

  // The master, non-blocking. Call it when the runtime has exited with success: it sends the
  // descriptor before that. Never waits. errc::protocol: anything but one terminal was received.
  flow::result<flow::unique_fd> receive();

 private:
  console_socket(std::string path, flow::unique_fd listener);

  std::string path_;
  flow::unique_fd listener_;
};

}  // namespace agent
