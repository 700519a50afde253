// The disks of a QEMU machine: plugged in and out over its monitor, while it runs.
//
// They are LUNs of one virtio-scsi adapter, of which there may be thousands (each layer of an image
// may be one), and which costs a boot nothing but the adapter itself. QEMU is handed a descriptor
// for each, so it opens nothing by name, and a guest that has taken QEMU over can write only to
// what QEMU was given.
#pragma once

#include <map>
#include <string>

#include "flow/event.hpp"
#include "shim/vm/machine.hpp"
#include "shim/vm/qemu/qmp.hpp"

namespace shim {

class qemu_disks {
 public:
  // `monitor` outlives the object.
  qemu_disks(const flow::asio::any_io_executor& executor, qmp& monitor);

  flow::awaitable<flow::result<void>> attach(disk d);
  flow::awaitable<flow::result<void>> detach(std::string serial);

  // QEMU's DEVICE_DELETED: the guest has released it.
  void device_deleted(const std::string& device);

 private:
  flow::awaitable<flow::result<void>> add(const disk& d, std::uint32_t lun);
  flow::awaitable<flow::result<void>> remove_image(std::string serial, std::uint32_t lun);
  flow::result<std::uint32_t> free_lun() const;

  qmp& monitor_;
  std::map<std::string, std::uint32_t> luns_;  // by serial number
  flow::event changed_;
};

}  // namespace shim
