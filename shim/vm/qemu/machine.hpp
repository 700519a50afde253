// A sandbox's virtual machine on QEMU:
//
//   qemu-system-x86_64 --vhost-user-- virtiofsd        the shared directory
//          |                \-------- hvsock-vsockd    vsock, where the kernel has none
//          |- monitor (QMP), console, stderr: our end of each is read here
//
// The processes are children that die with the shim. If one of them ends, the machine has ended.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "flow/event.hpp"
#include "flow/system/log.hpp"
#include "flow/task_group.hpp"
#include "shim/config/config.hpp"
#include "shim/support/child_process.hpp"
#include "shim/vm/guest_listener.hpp"
#include "shim/vm/machine.hpp"
#include "shim/vm/output_log.hpp"
#include "shim/vm/qemu/command.hpp"
#include "shim/vm/qemu/disks.hpp"
#include "shim/vm/qemu/qmp.hpp"

namespace shim {

class qemu_machine final : public machine {
 public:
  // `name` is shown by ps; `share` exists. `c` and `log` outlive the object.
  qemu_machine(flow::asio::any_io_executor executor, std::string name, std::filesystem::path share,
               const config& c, flow::log& log);
  ~qemu_machine() override;

  flow::awaitable<flow::result<void>> start() override;
  flow::awaitable<flow::result<std::unique_ptr<flow::transport>>> accept() override;
  flow::awaitable<flow::error> wait_ended() override;
  flow::awaitable<flow::result<void>> attach(disk d) override;
  flow::awaitable<flow::result<void>> detach(std::string serial) override;
  void kill() override;
  flow::awaitable<void> join() override;
  std::string console_tail() const override;

 private:
  struct socket_pair {
    flow::unique_fd ours;
    flow::unique_fd theirs;
  };
  static flow::result<socket_pair> make_socket_pair(int type);

  flow::result<void> launch(acceleration accelerator);
  void open_monitor(flow::unique_fd socket);
  flow::awaitable<void> greet_monitor();
  flow::result<void> start_vsock(qemu_options& options);
  flow::result<void> start_user_vsock(qemu_options& options);
  flow::result<flow::unique_fd> open_log(std::unique_ptr<output_log>& log, const char* source);
  flow::awaitable<void> watch(child_process& child, const output_log& errors);
  flow::awaitable<void> watch_helper(child_process& child, const output_log& errors);
  void ended(std::string why);
  void monitor_event(const std::string& event, const boost::json::object& data);

  flow::asio::any_io_executor executor_;
  std::string name_;
  std::filesystem::path share_;
  const config& config_;
  flow::log& log_;

  std::unique_ptr<guest_listener> listener_;
  flow::unique_fd vhost_vsock_;
  flow::unique_fd vsock_device_end_;  // of the connection to hvsock-vsockd, until QEMU has it
  std::unique_ptr<child_process> hypervisor_;
  std::unique_ptr<child_process> virtiofsd_;
  std::unique_ptr<child_process> vsock_daemon_;
  std::unique_ptr<qmp> monitor_;
  std::unique_ptr<qemu_disks> disks_;
  std::unique_ptr<output_log> console_;
  std::unique_ptr<output_log> hypervisor_errors_;
  std::unique_ptr<output_log> virtiofsd_errors_;
  std::unique_ptr<output_log> vsock_errors_;
  std::string shutdown_reason_;  // what QEMU's SHUTDOWN event said
  std::optional<flow::error> end_;
  bool killed_ = false;
  flow::event changed_;
  flow::task_group tasks_;
};

}  // namespace shim
