// A machine on QEMU:
//
//   qemu-system-x86_64 --vhost-user-- virtiofsd        the shared directory
//          |                \-------- hvsock-vsockd    vsock, if the kernel has none
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
#include "shim/vm/helpers/helper_process.hpp"
#include "shim/vm/helpers/virtiofsd.hpp"
#include "shim/vm/helpers/vsock_device.hpp"
#include "shim/vm/machine.hpp"
#include "shim/vm/machine_description.hpp"
#include "shim/vm/output_log.hpp"
#include "shim/vm/qemu/command.hpp"
#include "shim/vm/qemu/disks.hpp"
#include "shim/vm/qemu/qmp.hpp"

namespace shim {

class qemu_machine final : public machine {
 public:
  // `log` outlives the object.
  qemu_machine(const flow::asio::any_io_executor& executor, machine_description description,
               machine_paths paths, flow::log& log);
  ~qemu_machine() override;

  // errc::unsupported if the description has network cards.
  flow::awaitable<flow::result<void>> start() override;
  flow::awaitable<flow::result<std::unique_ptr<flow::transport>>> accept() override;
  flow::awaitable<flow::error> wait_ended() override;
  flow::awaitable<flow::result<void>> attach(disk d) override;
  flow::awaitable<flow::result<void>> detach(std::string serial) override;
  void kill() override;
  flow::awaitable<void> join() override;
  std::string console_tail() const override;

 private:
  flow::result<void> launch(acceleration accelerator);
  flow::result<void> start_share(const helper_context& context);
  flow::result<void> start_vsock(const helper_context& context);
  flow::result<flow::unique_fd> open_console();
  flow::result<void> start_hypervisor(const helper_context& context, acceleration accelerator,
                                      int console);
  void close_device_ends();
  void open_monitor(flow::unique_fd socket);
  flow::awaitable<void> greet_monitor();
  void monitor_event(const std::string& event, const boost::json::object& data);
  flow::awaitable<void> watch_hypervisor();
  flow::awaitable<void> watch_helper(helper_process& helper);
  void ended(std::string why);

  flow::asio::any_io_executor executor_;
  machine_description description_;
  machine_paths paths_;
  flow::log& log_;

  virtiofsd share_;     // its process is null if no directory is shared
  vsock_device vsock_;  // its listener is null if the guest cannot connect to the shim
  std::unique_ptr<helper_process> hypervisor_;
  std::unique_ptr<qmp> monitor_;
  std::unique_ptr<qemu_disks> disks_;
  std::unique_ptr<output_log> console_;
  std::string shutdown_reason_;  // of QEMU's SHUTDOWN event
  std::optional<flow::error> end_;
  bool killed_ = false;
  flow::event changed_;
  flow::task_group tasks_;
};

}  // namespace shim
