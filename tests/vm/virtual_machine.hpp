// A real virtual machine: QEMU with vhost-user-vsock, hvsock-vsockd beside it, vsock_guest inside.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "flow/device/uplink.hpp"
#include "flow/unique_fd.hpp"
#include "tests/vm/vm_pattern.hpp"

namespace tests {

class virtual_machine {
 public:
  // Boots, and waits for the guest's control connection. `hybrid`: the path of that form, or empty.
  explicit virtual_machine(const std::string& hybrid = "");
  virtual_machine(const virtual_machine&) = delete;
  virtual_machine& operator=(const virtual_machine&) = delete;
  ~virtual_machine();

  // Sends a command to the guest without waiting for its answer.
  void command(const std::string& line);
  std::string answer();
  static std::string expected(const vm_test::checksum& sum);

  // The guest's next connection, which must be to this port. Blocking from now on.
  flow::unique_fd accept(std::uint32_t port);
  // Another control connection, after the guest has rebooted.
  void accept_control();

  // Executes a command of QEMU's monitor.
  void monitor(const std::string& name);

  pid_t qemu() const { return qemu_; }
  pid_t vsockd() const { return vsockd_; }
  // The exit status, or -1 if a signal ended it.
  int wait_for_vsockd();

 private:
  void start_vsockd(int vhost, int uplink, const std::string& hybrid);
  void start_qemu(int vhost, int monitor, const std::string& initrd);

  pid_t qemu_ = -1;
  pid_t vsockd_ = -1;
  flow::unique_fd uplink_;
  flow::unique_fd hybrid_control_;
  flow::unique_fd monitor_;
  flow::unique_fd control_;
};

// Blocking transfer over a host socket.
void send_pattern(int fd, std::uint64_t bytes, vm_test::checksum& sum);
vm_test::checksum read_to_end(int fd);

}  // namespace tests
