// The unix socket on which an OCI runtime hands over the master of the pty it made.
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

  // The master, non-blocking. To be called when the runtime has ended with success, for it sends
  // the descriptor before that; never waits.
  flow::result<flow::unique_fd> receive();

 private:
  console_socket(std::string path, flow::unique_fd listener);

  std::string path_;
  flow::unique_fd listener_;
};

}  // namespace agent
