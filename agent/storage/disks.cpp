#include "agent/storage/disks.hpp"

#include <algorithm>

#include "agent/limits.hpp"
#include "agent/storage/modules.hpp"

namespace agent {

using flow::awaitable;
using flow::errc;
using flow::error;
using flow::result;

namespace {

// Page 0x80 of a disk's vital product data: four bytes, of which the last is a length, and the
// serial number.
constexpr std::size_t page_header = 4;

}  // namespace

disks::disks(const flow::asio::any_io_executor& executor, os& system)
    : system_(system), never_(executor) {}

awaitable<result<std::string>> disks::find(std::string serial) {
  if (!driver_loaded_) {
    if (auto loaded = load_module_group(system_, "disk"); !loaded) {
      co_return std::move(loaded).error();
    }
    driver_loaded_ = true;
  }
  const auto end = never_.time().now() + limits::find_disk;
  auto look = limits::first_disk_look;
  for (;;) {
    auto found = look_up(serial);
    if (!found.empty()) {
      co_return found;
    }
    if (never_.time().now() >= end) {
      co_return error(errc::timed_out, "disk " + serial + " did not appear");
    }
    const auto never = [] { return false; };
    co_await never_.wait_for(look, never);
    look = std::min(look * 2, limits::last_disk_look);
  }
}

// Empty if it is not there (yet).
std::string disks::look_up(const std::string& serial) {
  const auto names = system_.list_directory("/sys/block");
  if (!names) {
    return {};
  }
  for (const auto& name : names.value()) {
    const auto page = system_.read_file("/sys/block/" + name + "/device/vpd_pg80");
    if (page && page.value().size() > page_header && page.value().substr(page_header) == serial) {
      return "/dev/" + name;
    }
  }
  return {};
}

}  // namespace agent
