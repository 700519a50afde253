// The virtual machine of one sandbox, as the rest of the shim sees it. It is described first
// (machine_description.hpp), then made (factory.hpp, the one place that chooses a hypervisor), then
// started. Each hypervisor has a folder of its own (qemu/).
#pragma once

#include <memory>
#include <string>

#include "flow/asio.hpp"
#include "flow/error.hpp"
#include "flow/transport.hpp"
#include "flow/unique_fd.hpp"

namespace shim {

// An image or a block device of the host as a disk of the guest.
struct disk {
  std::string serial;    // the guest finds it by this; see guest_contract::disk_serial_size
  flow::unique_fd file;  // what the guest may do is what this descriptor may do
  bool block_device = false;
  bool read_only = true;
};

class machine {
 public:
  machine() = default;
  machine(const machine&) = delete;
  machine& operator=(const machine&) = delete;
  virtual ~machine() = default;

  // Starts every process the machine consists of; does not wait for the guest to boot. Once. On
  // error those that were started are ended: none is left when join() has returned.
  virtual flow::awaitable<flow::result<void>> start() = 0;

  // The next connection that the guest opens to us. An error: there will be no more. Only after
  // start() succeeded; one call at a time.
  virtual flow::awaitable<flow::result<std::unique_ptr<flow::transport>>> accept() = 0;

  // Returns, with the reason, when one of its processes has ended. The others are ended then too.
  // Only after start() succeeded.
  virtual flow::awaitable<flow::error> wait_ended() = 0;

  // Plugs a disk into the running machine. An error says why it cannot be; nothing is left then.
  // This and detach() may be called while accept() waits.
  virtual flow::awaitable<flow::result<void>> attach(disk d) = 0;

  // Takes it out again. The guest must not use it any more. One that is not there is not an error.
  virtual flow::awaitable<flow::result<void>> detach(std::string serial) = 0;

  // Ends it at once; the guest is not notified. May be called again, and before start().
  virtual void kill() = 0;

  // Returns when no process of it is left and accept() has returned.
  virtual flow::awaitable<void> join() = 0;

  // The last lines of the guest's console, for an error message.
  virtual std::string console_tail() const = 0;
};

}  // namespace shim
