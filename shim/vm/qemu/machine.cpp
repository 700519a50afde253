#include "shim/vm/qemu/machine.hpp"

#include <sys/socket.h>

#include "flow/system/log_failures.hpp"
#include "flow/system/pipe.hpp"
#include "shim/config/limits.hpp"
#include "shim/vm/qemu/acceleration_probe.hpp"

namespace shim {

using flow::awaitable;
using flow::errc;
using flow::error;
using flow::result;
using flow::unique_fd;

qemu_machine::qemu_machine(const flow::asio::any_io_executor& executor,
                           machine_description description, machine_paths paths, flow::log& log)
    : executor_(executor),
      description_(std::move(description)),
      paths_(std::move(paths)),
      log_(log),
      changed_(executor),
      tasks_(executor, flow::log_failures(log, "virtual machine")) {}

qemu_machine::~qemu_machine() = default;

// --- start -------------------------------------------------------------------------------------

awaitable<result<void>> qemu_machine::start() {
  if (!description_.network_cards.empty()) {
    co_return error(errc::unsupported, "network cards on QEMU");
  }
  const auto accelerator = co_await choose_acceleration(executor_, description_, paths_, log_);
  if (!accelerator) {
    co_return accelerator.error();
  }
  if (killed_) {
    co_return error(errc::aborted, "stopped before start");
  }
  auto launched = launch(accelerator.value());
  close_device_ends();
  if (!launched) {
    kill();
  }
  co_return launched;
}

// Not a coroutine: QEMU's ends of sockets must be closed here before anything is waited for, or the
// helpers would not notice that QEMU has ended.
result<void> qemu_machine::launch(acceleration accelerator) {
  const helper_context context{executor_, tasks_, log_};
  if (auto started = start_share(context); !started) {
    return started;
  }
  if (auto started = start_vsock(context); !started) {
    return started;
  }
  const auto console = open_console();
  if (!console) {
    return console.error();
  }
  if (auto started = start_hypervisor(context, accelerator, console.value().get()); !started) {
    return started;
  }
  log_.info("virtual machine started", {{"pid", hypervisor_->pid()},
                                        {"acceleration", name_of(accelerator)},
                                        {"vcpus", description_.guest.processors},
                                        {"memory_mib", description_.guest.memory_mib},
                                        {"vsock", vsock_.daemon ? "hvsock-vsockd" : "kernel"}});
  return {};
}

result<void> qemu_machine::start_share(const helper_context& context) {
  if (description_.share.empty()) {
    return {};
  }
  auto started = start_virtiofsd(context, paths_.virtiofsd, description_.share);
  if (!started) {
    return std::move(started).error();
  }
  share_ = std::move(started.value());
  tasks_.spawn("watch virtiofsd", watch_helper(*share_.process));
  return {};
}

result<void> qemu_machine::start_vsock(const helper_context& context) {
  if (!description_.guest.vsock) {
    return {};
  }
  auto opened = open_vsock_device(context, *description_.guest.vsock, paths_.vsock_daemon);
  if (!opened) {
    return std::move(opened).error();
  }
  vsock_ = std::move(opened.value());
  if (vsock_.daemon) {
    tasks_.spawn("watch hvsock-vsockd", watch_helper(*vsock_.daemon));
  }
  return {};
}

// The end that QEMU writes to; none if the guest has no console.
result<unique_fd> qemu_machine::open_console() {
  if (!description_.guest.console) {
    return unique_fd();
  }
  auto opened = open_output_log(executor_, "console", log_);
  if (!opened) {
    return std::move(opened).error();
  }
  console_ = std::move(opened.value().reader);
  tasks_.spawn("console", console_->run());
  return std::move(opened.value().writer);
}

result<void> qemu_machine::start_hypervisor(const helper_context& context, acceleration accelerator,
                                            int console) {
  auto monitor = flow::make_socket_pair(SOCK_STREAM);
  if (!monitor) {
    return std::move(monitor).error();
  }
  const qemu_devices devices{
      .console = console,
      .monitor = monitor.value().theirs.get(),
      .share = share_.vhost.get(),
      .vsock = vsock_.vhost.get(),
      .vhost_vsock = vsock_.kernel.get(),
      .guest_cid = vsock_.guest_cid,
      .port = vsock_.listener ? vsock_.listener->port() : 0,
  };
  auto started = helper_process::start(
      context, qemu_command(paths_.hypervisor, description_, accelerator, devices), "qemu");
  if (!started) {
    return std::move(started).error();
  }
  hypervisor_ = std::move(started.value());
  tasks_.spawn("watch qemu", watch_hypervisor());
  open_monitor(std::move(monitor.value().ours));
  return {};
}

// QEMU has them, or will not be started.
void qemu_machine::close_device_ends() {
  share_.vhost.reset();
  vsock_.vhost.reset();
  vsock_.kernel.reset();
}

// --- the monitor -------------------------------------------------------------------------------

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

// QEMU sends events only to a monitor that has negotiated.
awaitable<void> qemu_machine::greet_monitor() {
  const auto status = co_await monitor_->execute("query-status");
  if (!status && !killed_ && !end_) {
    log_.warning("monitor did not answer", {{"err", status.error().message()}});
  }
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

// --- end ---------------------------------------------------------------------------------------

awaitable<void> qemu_machine::watch_hypervisor() {
  co_await hypervisor_->wait();
  ended(hypervisor_->end_text(shutdown_reason_));
}

// A helper ends when its device does. If it is QEMU that has ended, its text explains more.
awaitable<void> qemu_machine::watch_helper(helper_process& helper) {
  co_await helper.wait();
  const auto explained = [this] { return end_ || killed_; };
  co_await changed_.wait_for(limits::end_notice, explained);
  ended(helper.end_text());
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
}

awaitable<error> qemu_machine::wait_ended() {
  const auto known = [this] { return end_.has_value(); };
  co_await changed_.wait(known);
  co_return *end_;
}

awaitable<result<std::unique_ptr<flow::transport>>> qemu_machine::accept() {
  if (!vsock_.listener) {
    co_return error(errc::unsupported, "the machine was described without vsock");
  }
  co_return co_await vsock_.listener->accept();
}

// hvsock-vsockd is left alone: it delivers what it holds, and exits when its device and its uplink
// are closed.
void qemu_machine::kill() {
  killed_ = true;
  if (hypervisor_) {
    hypervisor_->kill();
  }
  if (share_.process) {
    share_.process->kill();
  }
  if (vsock_.listener) {
    vsock_.listener->close();
  }
  changed_.notify_all();
}

awaitable<void> qemu_machine::join() {
  kill();
  co_await tasks_.join();
}

std::string qemu_machine::console_tail() const {
  return console_ ? console_->tail() : "";
}

}  // namespace shim
