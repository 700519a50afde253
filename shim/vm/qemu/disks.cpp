#include "shim/vm/qemu/disks.hpp"

#include <algorithm>

#include "runtime_api/guest/contract.hpp"
#include "shim/config/limits.hpp"

namespace shim {

using flow::awaitable;
using flow::errc;
using flow::error;
using flow::result;
namespace json = boost::json;

namespace {

std::string image_of(const std::string& serial) {
  return "image-" + serial;
}

}  // namespace

qemu_disks::qemu_disks(const flow::asio::any_io_executor& executor, qmp& monitor)
    : monitor_(monitor), changed_(executor) {}

result<std::uint32_t> qemu_disks::free_lun() const {
  std::uint32_t lun = 0;
  const auto taken = [this](std::uint32_t n) {
    return std::any_of(luns_.begin(), luns_.end(), [n](const auto& d) { return d.second == n; });
  };
  while (taken(lun)) {
    ++lun;
  }
  if (lun >= limits::disks) {
    return error(errc::invalid_argument,
                 "a virtual machine has at most " + std::to_string(limits::disks) + " disks");
  }
  return lun;
}

awaitable<result<void>> qemu_disks::attach(disk d) {
  if (d.serial.size() > guest_contract::disk_serial_size) {
    co_return error(errc::invalid_argument,
                    "serial number of disk " + d.serial + " is longer than " +
                        std::to_string(guest_contract::disk_serial_size) + " bytes");
  }
  const auto lun = free_lun();
  if (!lun) {
    co_return lun.error();
  }
  luns_[d.serial] = lun.value();
  const auto added = co_await add(d, lun.value());
  if (!added) {
    luns_.erase(d.serial);
  }
  co_return added;
}

awaitable<result<void>> qemu_disks::add(const disk& d, std::uint32_t lun) {
  json::object set{{"fdset-id", lun}};
  const auto handed = co_await monitor_.execute("add-fd", set, d.file.get());
  if (!handed) {
    co_return handed.error();
  }
  json::object image{
      {"node-name", image_of(d.serial)},
      {"driver", "raw"},
      {"read-only", d.read_only},
      {"file", json::object{{"driver", d.block_device ? "host_device" : "file"},
                            {"filename", "/dev/fdset/" + std::to_string(lun)},
                            {"read-only", d.read_only}}},
  };
  const auto opened = co_await monitor_.execute("blockdev-add", image);
  if (!opened) {
    static_cast<void>(co_await monitor_.execute("remove-fd", set));
    co_return opened.error();
  }
  json::object device{{"driver", "scsi-hd"}, {"bus", "disks.0"},
                      {"id", d.serial},      {"channel", 0},
                      {"scsi-id", 0},        {"lun", lun},
                      {"serial", d.serial},  {"drive", image_of(d.serial)}};
  const auto plugged = co_await monitor_.execute("device_add", device);
  if (!plugged) {
    static_cast<void>(co_await remove_image(d.serial, lun));
    co_return plugged.error();
  }
  co_return result<void>();
}

awaitable<result<void>> qemu_disks::detach(std::string serial) {
  const auto found = luns_.find(serial);
  if (found == luns_.end()) {
    co_return result<void>();
  }
  const auto lun = found->second;
  json::object device{{"id", serial}};
  const auto asked = co_await monitor_.execute("device_del", device);
  if (!asked) {
    co_return asked.error();
  }
  const auto released = [&] { return !luns_.contains(serial); };
  const bool in_time = co_await changed_.wait_for(limits::unplug_disk, released);
  if (!in_time) {
    co_return error(errc::timed_out, "guest did not release disk " + serial);
  }
  co_return co_await remove_image(serial, lun);
}

void qemu_disks::device_deleted(const std::string& device) {
  luns_.erase(device);
  changed_.notify_all();
}

awaitable<result<void>> qemu_disks::remove_image(std::string serial, std::uint32_t lun) {
  json::object image{{"node-name", image_of(serial)}};
  const auto closed = co_await monitor_.execute("blockdev-del", image);
  json::object set{{"fdset-id", lun}};
  static_cast<void>(co_await monitor_.execute("remove-fd", set));
  if (!closed) {
    co_return closed.error();
  }
  co_return result<void>();
}

}  // namespace shim
