// The disks that the shim has plugged in, by their serial numbers: the kernel assigns names like sda
// in the order in which it happens to see the disks.
#pragma once

#include <string>

#include "agent/storage/os.hpp"
#include "flow/asio.hpp"
#include "flow/event.hpp"

namespace agent {

class disks {
 public:
  // `system` outlives the object.
  disks(const flow::asio::any_io_executor& executor, os& system);

  // The device file of the disk. Waits until the kernel sees it; errc::timed_out if it does not
  // within limits::find_disk.
  flow::awaitable<flow::result<std::string>> find(std::string serial);

 private:
  std::string look_up(const std::string& serial);

  os& system_;
  bool driver_loaded_ = false;
  flow::event never_;
};

}  // namespace agent
