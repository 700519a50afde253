// Listens on a vsock port, on a unix socket, on the host side of a hybrid socket (a guest's
// connection to `port` arrives at the unix socket "<path>_<port>"), or on that of HyperKit (it
// arrives at "<directory>/00000002.<port as 8 hexadecimal digits>").
//
// Thread rule: call everything on the thread that runs the executor.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>

#include "flow/transport.hpp"
#include "flow/unique_fd.hpp"
#include "flow/vsock.hpp"

namespace flow {

// An accepted connection. The peer's address is known on vsock only.
struct accepted {
  std::unique_ptr<transport> connection;
  vsock_address peer;
};

class listener {
 public:
  // `address` may leave cid and port to the system (vsock_address::any).
  static result<listener> vsock(const asio::any_io_executor& executor, vsock_address address,
                                vsock_options options = {});

  // Creates the socket file with these permissions from the start, and removes it on close. An
  // existing file is an error (EADDRINUSE), even if nothing is listening on it.
  static result<listener> unix_socket(const asio::any_io_executor& executor, std::string path,
                                      mode_t permissions = 0600);
  static result<listener> hybrid(const asio::any_io_executor& executor, const std::string& path,
                                 std::uint32_t port, mode_t permissions = 0600);
  static result<listener> hyperkit(const asio::any_io_executor& executor,
                                   const std::string& directory, std::uint32_t port,
                                   mode_t permissions = 0600);

  // Takes ownership of a stream socket that is already listening, as a service manager passes it.
  // errc::invalid_argument if it is not listening. Its file is not removed.
  static result<listener> adopt(const asio::any_io_executor& executor, unique_fd socket);

  listener(listener&&) noexcept;
  listener& operator=(listener&&) noexcept;
  ~listener();

  // Returns the next connection. One call at a time. Connections that died while waiting are
  // skipped. errc::aborted: closed. Other errors, such as EMFILE, may be temporary: the caller
  // decides when to try again.
  awaitable<result<accepted>> accept();

  // Stops listening and removes the socket file; accept() completes with errc::aborted.
  void close() noexcept;

  // The bound vsock address, with the port that the system chose. For other kinds, the given port
  // (hybrid, hyperkit) or vsock_address::any.
  vsock_address local_address() const noexcept;

 private:
  struct state;
  explicit listener(std::shared_ptr<state> s) noexcept;
  static result<listener> own(std::shared_ptr<state> s, unique_fd fd);
  static awaitable<result<accepted>> accept_on(std::shared_ptr<state> s);

  std::shared_ptr<state> state_;
};

}  // namespace flow
