#include "flow/device/vsockd.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <memory>
#include <optional>
#include <string>

#include "flow/device/confinement.hpp"
#include "flow/device/event_loop.hpp"
#include "flow/device/limits.hpp"
#include "flow/device/vhost_user/backend.hpp"
#include "flow/device/vsock/device.hpp"
#include "flow/device/vsock/hybrid_connector.hpp"
#include "flow/device/vsock/uplink_connector.hpp"
#include "flow/system/retry_interrupted.hpp"
#include "flow/system/unix_socket.hpp"

namespace flow::device {
namespace {

int socket_option(int fd, int option) {
  int value = -1;
  socklen_t length = sizeof value;
  return ::getsockopt(fd, SOL_SOCKET, option, &value, &length) == 0 ? value : -1;
}

result<unique_fd> inherited_socket(int fd, int type, const char* name) {
  if (socket_option(fd, SO_DOMAIN) != AF_UNIX || socket_option(fd, SO_TYPE) != type ||
      socket_option(fd, SO_ACCEPTCONN) != 0) {
    return error(errc::invalid_argument, std::string(name) + " is not a connected unix socket");
  }
  return unique_fd(fd);
}

// For manual use, before anything is confined: waits for the first client.
result<unique_fd> first_client(const std::string& path) {
  auto listener = listen_unix(path);
  if (!listener) {
    return listener;
  }
  pollfd ready{listener->get(), POLLIN, 0};
  retry_interrupted([&] { return ::poll(&ready, 1, -1); });
  return accept_unix(listener->get());
}

result<unique_fd> front_end(const options& o) {
  return o.vhost_fd >= 0 ? inherited_socket(o.vhost_fd, SOCK_STREAM, "--vhost-fd")
                         : first_client(o.vhost_socket);
}

// The objects that live while the process serves.
class service {
 public:
  service(event_loop& loop, log& log, const options& o) : loop_(loop), log_(log), options_(o) {}

  result<> set_up();
  exit_code serve();

 private:
  result<> set_up_uplink();
  result<> set_up_hybrid();
  void front_end_gone(const std::optional<error>& why);
  void watch_lingering();

  event_loop& loop_;
  log& log_;
  const options& options_;

  std::unique_ptr<uplink_connector> uplink_;  // one of the two exists
  std::unique_ptr<hybrid_connector> hybrid_;
  std::unique_ptr<vsock_device> device_;
  std::unique_ptr<vhost_user_backend> backend_;

  bool guest_gone_ = false;
  exit_code code_ = exit_code::done;  // once everything is delivered
  bool ended_ = false;                // exit at once
  event_loop::timer linger_;
  std::uint64_t delivered_ = 0;
};

result<> service::set_up_uplink() {
  auto socket = inherited_socket(options_.uplink_fd, SOCK_SEQPACKET, "--uplink-fd");
  if (!socket) {
    return socket.error();
  }
  uplink_ = std::make_unique<uplink_connector>(std::move(*socket));
  return uplink_->start(loop_, [this] { ended_ = true; });
}

result<> service::set_up_hybrid() {
  // From here on the sockets are named relative to their directory, so that the names remain valid
  // when it becomes the root.
  const auto& path = options_.hybrid_path;
  const auto slash = path.rfind('/');
  if (slash != std::string::npos && ::chdir(path.substr(0, slash + 1).c_str()) != 0) {
    return system_error("enter the directory of " + path);
  }
  const auto name = path.substr(slash + 1);
  auto listener = listen_unix(name);
  if (!listener) {
    return listener.error().in("--hybrid");
  }
  hybrid_ = std::make_unique<hybrid_connector>(name, std::move(*listener), log_);
  return {};
}

result<> service::set_up() {
  auto connections = reserve_descriptors();
  if (!connections) {
    return connections.error();
  }
  auto socket = front_end(options_);
  if (!socket) {
    return socket.error();
  }
  const bool has_uplink = options_.uplink_fd >= 0;
  if (auto made = has_uplink ? set_up_uplink() : set_up_hybrid(); !made) {
    return made;
  }
  connector& connector = has_uplink ? static_cast<flow::device::connector&>(*uplink_) : *hybrid_;
  device_ =
      std::make_unique<vsock_device>(loop_, log_, connector, options_.guest_cid, *connections);
  if (hybrid_) {
    if (auto started = hybrid_->start(loop_, *device_); !started) {
      return started;
    }
  }
  backend_ = std::make_unique<vhost_user_backend>(
      loop_, log_, *device_, options_.guest_cid, std::move(*socket),
      [this](const std::optional<error>& why) { front_end_gone(why); });
  if (auto started = backend_->start(); !started) {
    return started;
  }
  loop_.set_work([this] { return device_->run(); });
  if (options_.unconfined) {
    return {};
  }
  return confine(has_uplink ? connector_kind::uplink : connector_kind::hybrid, log_);
}

void service::front_end_gone(const std::optional<error>& why) {
  guest_gone_ = true;
  if (why) {
    log_.error("front end violated the protocol", {{"err", why->message()}});
    code_ = exit_code::protocol;
  }
  log_.info("virtual machine ended",
            {{"lingering", device_->lingering()}, {"refused_bytes", device_->refused()}});
  watch_lingering();
}

// Gives up on readers once none of them has accepted a byte for the whole period.
void service::watch_lingering() {
  linger_ = loop_.call_after(linger_timeout, [this] {
    const auto delivered = device_->delivered();
    if (delivered == delivered_) {
      log_.error("giving up on undelivered bytes", {{"connections", device_->lingering()}});
      code_ = exit_code::linger_timeout;
      ended_ = true;
      return;
    }
    delivered_ = delivered;
    watch_lingering();
  });
  delivered_ = device_->delivered();
}

exit_code service::serve() {
  while (!ended_ && !(guest_gone_ && device_->lingering() == 0)) {
    if (auto turned = loop_.run_once(); !turned) {
      log_.error("fatal", {{"err", turned.error().message()}});
      return exit_code::software;
    }
  }
  return code_;
}

}  // namespace

exit_code run_vsockd(const options& options, log& log) {
  // A front end's event descriptor may be a pipe that nobody reads.
  std::signal(SIGPIPE, SIG_IGN);
  auto closed = close_other_descriptors(std::array{options.vhost_fd, options.uplink_fd});
  auto loop = event_loop::create();
  if (!closed || !loop) {
    const auto& e = closed ? loop.error() : closed.error();
    log.error("setup failed", {{"err", e.message()}});
    return exit_code::setup;
  }
  service s(*loop, log, options);
  if (auto ready = s.set_up(); !ready) {
    log.error("setup failed", {{"err", ready.error().message()}});
    return exit_code::setup;
  }
  log.info("serving guest", {{"cid", options.guest_cid}});
  return s.serve();
}

}  // namespace flow::device
