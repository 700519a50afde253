#include "shim/vm/qemu/machine.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <array>

#include "shim/config/limits.hpp"
#include "shim/vm/helpers/virtiofsd.hpp"
#include "shim/vm/qemu/acceleration_probe.hpp"

namespace shim {

using flow::awaitable;
using flow::errc;
using flow::error;
using flow::result;
using flow::system_error;
using flow::unique_fd;

namespace {

// Any does: each guest on hvsock-vsockd has a device, and with it a world of CIDs, to itself.
constexpr std::uint32_t private_guest_cid = 3;

bool have_vhost_vsock() {
  return ::access("/dev/vhost-vsock", R_OK | W_OK) == 0;
}

}  // namespace

qemu_machine::qemu_machine(flow::asio::any_io_executor executor, std::string name,
                           std::filesystem::path share, const config& c, flow::log& log)
    : executor_(executor),
      name_(std::move(name)),
      share_(std::move(share)),
      config_(c),
      log_(log),
      changed_(executor),
      tasks_(executor, [this](const std::string& task, const std::exception_ptr& failure) {
        log_.error("machine task failed", {{"task", task}, {"err", flow::describe(failure)}});
      }) {}

qemu_machine::~qemu_machine() = default;

result<qemu_machine::socket_pair> qemu_machine::make_socket_pair(int type) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return system_error("socketpair");
  }
  return socket_pair{unique_fd(ends[0]), unique_fd(ends[1])};
}

// The writing end of what `log` reads.
result<unique_fd> qemu_machine::open_log(std::unique_ptr<output_log>& log, const char* source) {
  auto pair = make_socket_pair(SOCK_STREAM);
  if (!pair) {
    return std::move(pair).error();
  }
  log = std::make_unique<output_log>(executor_, std::move(pair.value().ours), source, log_);
  tasks_.spawn(source, log->run());
  return std::move(pair.value().theirs);
}

awaitable<result<void>> qemu_machine::start() {
  const auto accelerator = co_await choose_acceleration(executor_, config_, log_);
  if (!accelerator) {
    co_return accelerator.error();
  }
  if (killed_) {
    co_return error(errc::aborted, "ended before it was started");
  }
  co_return launch(accelerator.value());
}

// Not a coroutine: the children's ends of sockets must be closed here before anything is waited
// for, or the children's death would not be noticed.
result<void> qemu_machine::launch(acceleration accelerator) {
  qemu_options options;
  options.program = config_.hypervisor;
  options.kernel = config_.kernel;
  options.initramfs = config_.initramfs;
  options.firmware = config_.firmware;
  options.accelerator = accelerator;
  options.vcpus = config_.vcpus;
  options.memory_mib = config_.memory_mib;
  options.name = name_;
  options.disks = true;

  auto share_errors = open_log(virtiofsd_errors_, "virtiofsd");
  if (!share_errors) {
    return std::move(share_errors).error();
  }
  auto shared = start_virtiofsd(executor_, config_.virtiofsd, share_, share_errors.value().get());
  if (!shared) {
    return std::move(shared).error();
  }
  virtiofsd_ = std::move(shared.value().daemon);
  options.share = shared.value().hypervisor_end.get();

  if (auto started = start_vsock(options); !started) {
    return started;
  }

  auto console = open_log(console_, "console");
  if (!console) {
    return std::move(console).error();
  }
  auto errors = open_log(hypervisor_errors_, "qemu");
  if (!errors) {
    return std::move(errors).error();
  }
  auto monitor = make_socket_pair(SOCK_STREAM);
  if (!monitor) {
    return std::move(monitor).error();
  }
  options.console = console.value().get();
  options.errors = errors.value().get();
  options.monitor = monitor.value().theirs.get();
  options.kernel_parameters = "hvsock.port=" + std::to_string(listener_->port());
  if (config_.debug) {
    options.kernel_parameters += " hvsock.debug";
  }

  auto hypervisor = child_process::start(executor_, qemu_command(options));
  if (!hypervisor) {
    return std::move(hypervisor).error();
  }
  hypervisor_ = std::move(hypervisor.value());
  vhost_vsock_.reset();
  vsock_device_end_.reset();
  open_monitor(std::move(monitor.value().ours));
  tasks_.spawn("watch qemu", watch(*hypervisor_, *hypervisor_errors_));
  tasks_.spawn("watch virtiofsd", watch_helper(*virtiofsd_, *virtiofsd_errors_));
  if (vsock_daemon_) {
    tasks_.spawn("watch vsockd", watch_helper(*vsock_daemon_, *vsock_errors_));
  }
  log_.info("virtual machine started", {{"pid", hypervisor_->pid()},
                                        {"acceleration", name_of(accelerator)},
                                        {"vsock", vsock_daemon_ ? "hvsock-vsockd" : "kernel"}});
  return {};
}

void qemu_machine::open_monitor(unique_fd socket) {
  monitor_ =
      std::make_unique<qmp>(executor_, std::move(socket),
                            [this](const std::string& event, const boost::json::object& data) {
                              monitor_event(event, data);
                            });
  disks_ = std::make_unique<qemu_disks>(executor_, *monitor_);
  tasks_.spawn("monitor", monitor_->run());
  tasks_.spawn("greet monitor", greet_monitor());
}

void qemu_machine::monitor_event(const std::string& event, const boost::json::object& data) {
  const auto text = [&data](std::string_view name) {
    const auto* value = data.if_contains(name);
    return value != nullptr && value->is_string() ? std::string(value->as_string()) : std::string();
  };
  if (event == "DEVICE_DELETED") {
    disks_->device_deleted(text("device"));
    return;
  }
  log_.info("hypervisor event", {{"event", event}});
  if (event == "SHUTDOWN") {
    shutdown_reason_ = text("reason");
  }
}

awaitable<result<void>> qemu_machine::attach(disk d) {
  co_return co_await disks_->attach(std::move(d));
}

awaitable<result<void>> qemu_machine::detach(std::string serial) {
  co_return co_await disks_->detach(std::move(serial));
}

// QEMU sends events only to a monitor that has negotiated.
awaitable<void> qemu_machine::greet_monitor() {
  const auto status = co_await monitor_->execute("query-status");
  if (!status && !killed_ && !end_) {
    log_.warning("monitor does not answer", {{"err", status.error().message()}});
  }
}

result<void> qemu_machine::start_vsock(qemu_options& options) {
  const bool use_kernel = config_.vsock == config::vsock_mode::kernel ||
                          (config_.vsock == config::vsock_mode::automatic && have_vhost_vsock());
  if (!use_kernel) {
    return start_user_vsock(options);
  }
  auto device = open_vhost_vsock();
  if (!device) {
    return std::move(device).error();
  }
  auto listener = listen_at_kernel(executor_, device.value().guest_cid, log_);
  if (!listener) {
    return std::move(listener).error();
  }
  listener_ = std::move(listener.value());
  vhost_vsock_ = std::move(device.value().device);
  options.vhost_vsock = vhost_vsock_.get();
  options.guest_cid = device.value().guest_cid;
  return {};
}

result<void> qemu_machine::start_user_vsock(qemu_options& options) {
  auto errors = open_log(vsock_errors_, "hvsock-vsockd");
  if (!errors) {
    return std::move(errors).error();
  }
  auto vhost = make_socket_pair(SOCK_STREAM);
  if (!vhost) {
    return std::move(vhost).error();
  }
  auto uplink = make_socket_pair(SOCK_SEQPACKET);
  if (!uplink) {
    return std::move(uplink).error();
  }

  flow::command c;
  c.argv = {config_.vsock_daemon.string(),    "--vhost-fd", "3", "--uplink-fd", "4", "--guest-cid",
            std::to_string(private_guest_cid)};
  c.descriptors = {
      {vhost.value().ours.get(), 3}, {uplink.value().theirs.get(), 4}, {errors.value().get(), 2}};
  auto daemon = child_process::start(executor_, std::move(c));
  if (!daemon) {
    return std::move(daemon).error();
  }
  vsock_daemon_ = std::move(daemon.value());
  vsock_device_end_ = std::move(vhost.value().theirs);
  options.vsock = vsock_device_end_.get();
  listener_ = listen_at_uplink(executor_, std::move(uplink.value().ours), log_);
  return {};
}

awaitable<void> qemu_machine::watch(child_process& child, const output_log& errors) {
  co_await child.wait();
  std::string why = child.end_text();
  if (!shutdown_reason_.empty()) {
    why += " (" + shutdown_reason_ + ")";
  }
  if (const auto said = errors.tail(); !said.empty()) {
    why += ": " + said;
  }
  ended(std::move(why));
}

// It ends when its device does: what QEMU has to say of its own end says more, if it is that.
awaitable<void> qemu_machine::watch_helper(child_process& child, const output_log& errors) {
  co_await child.wait();
  const auto known = [this] { return end_.has_value(); };
  co_await changed_.wait_for(limits::end_notice, known);
  co_await watch(child, errors);
}

void qemu_machine::ended(std::string why) {
  if (end_) {
    return;
  }
  if (!killed_) {
    log_.error("virtual machine ended", {{"reason", why}});
  }
  end_ = error(errc::unavailable, std::move(why));
  kill();
  changed_.notify_all();
}

awaitable<error> qemu_machine::wait_ended() {
  const auto known = [this] { return end_.has_value(); };
  co_await changed_.wait(known);
  co_return *end_;
}

awaitable<result<std::unique_ptr<flow::transport>>> qemu_machine::accept() {
  co_return co_await listener_->accept();
}

// hvsock-vsockd is left alone: it delivers what it holds, and ends with its device and its uplink.
void qemu_machine::kill() {
  killed_ = true;
  if (hypervisor_) {
    hypervisor_->kill();
  }
  if (virtiofsd_) {
    virtiofsd_->kill();
  }
  if (listener_) {
    listener_->close();
  }
}

awaitable<void> qemu_machine::join() {
  kill();
  co_await tasks_.join();
}

std::string qemu_machine::console_tail() const {
  return console_ ? console_->tail() : "";
}

}  // namespace shim
