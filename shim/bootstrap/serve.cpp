#include "shim/bootstrap/serve.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

#include "shim/bootstrap/listening_socket.hpp"
#include "shim/config/limits.hpp"
#include "shim/daemon.hpp"
#include "shim/oci/runtime_options.hpp"
#include "shim/state/paths.hpp"
#include "shim/state/program_path.hpp"
#include "shim/state/sandbox_lock.hpp"

namespace shim {

using flow::errc;
using flow::error;
using flow::result;
using flow::unique_fd;

namespace {

// containerd copies the FIFO "log" in the bundle into its own log. Since it is opened for both
// directions, it neither blocks nor fails while containerd is not running.
unique_fd open_log() {
  return unique_fd(::open("log", O_RDWR | O_NONBLOCK | O_CLOEXEC));
}

// Descriptor 3, inherited from `start`, or a new socket at -socket for a shim that is run by hand.
result<unique_fd> listening_socket(const options& o) {
  if (!o.socket.empty()) {
    auto made = listen_at(o.socket);
    if (!made) {
      return std::move(made).error();
    }
    if (!made.value()) {
      return error(errc::invalid_argument, "another shim already serves at " + o.socket);
    }
    return std::move(*made.value());
  }
  struct stat status{};
  if (::fstat(listening_descriptor, &status) != 0 || !S_ISSOCK(status.st_mode)) {
    return error(errc::invalid_argument,
                 "descriptor 3 is not a listening socket and -socket is not set; "
                 "run the action `start` instead");
  }
  ::fcntl(listening_descriptor, F_SETFD, FD_CLOEXEC);
  return unique_fd(listening_descriptor);
}

}  // namespace

result<int> serve(const options& o) {
  ::signal(SIGPIPE, SIG_IGN);
  const auto log_fifo = open_log();
  flow::log log(log_fifo ? log_fifo.get() : STDERR_FILENO,
                o.debug ? flow::log::level::debug : flow::log::level::info);

  auto listening = listening_socket(o);
  if (!listening) {
    return std::move(listening).error();
  }

  const auto file = kept_config_path(".");
  auto configuration = load_config(program_path(), file);
  if (!configuration) {
    return std::move(configuration).error();
  }
  // Either is enough: the operator's file, or containerd's own debug level.
  configuration.value().debug = configuration.value().debug || o.debug;
  if (configuration.value().debug) {
    log.set_level(flow::log::level::debug);
  }
  log.debug("configuration", {{"file", file.empty() ? default_config_file : file.string()}});
  const auto group = group_of(".", o.id);
  daemon_settings settings{
      .arguments = o,
      .configuration = std::move(configuration.value()),
      .group = group,
      .events_address = {},
      .socket = bound_path(listening.value()),
      .directory = {},
      .lock = {},
  };
  settings.directory = sandbox_directory(settings.configuration, o, group);
  if (const char* address = std::getenv("TTRPC_ADDRESS"); address != nullptr) {
    settings.events_address = address;
  }
  // A previous shim of the same sandbox that has just ended may still hold the lock.
  auto lock = lock_sandbox(settings.directory, limits::lock_sandbox);
  if (!lock) {
    return std::move(lock).error();
  }
  if (!lock.value()) {
    return error(errc::unavailable, "another shim already serves " + settings.directory.string());
  }
  settings.lock = std::move(*lock.value());
  return run_daemon(std::move(settings), std::move(listening.value()), log);
}

}  // namespace shim
