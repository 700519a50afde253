// The disks that the shim has plugged in, by their serial numbers: names like sda are given in the
// order in which the kernel happens to see them.
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

  // The device file of the disk. It may take the kernel a moment to see it; errc::timed_out if it
  // does not.
  flow::awaitable<flow::result<std::string>> find(std::string serial);

 private:
  std::string look_up(const std::string& serial);

  os& system_;
  bool driver_loaded_ = false;
  flow::event never_;
};

}  // namespace agent
