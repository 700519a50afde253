#include "agent/boot/boot.hpp"

#include "agent/boot/file_systems.hpp"

namespace agent {
namespace {

// The image's builder numbers them in the order they are to be loaded.
constexpr const char* module_directory = "/usr/lib/hvsock/modules";

flow::result<void> load_modules(os& system) {
  auto names = system.list_directory(module_directory);
  if (!names) {
    return std::move(names).error();
  }
  for (const auto& name : names.value()) {
    if (auto r = system.load_module(std::string(module_directory) + "/" + name); !r) {
      return r;
    }
  }
  return {};
}

}  // namespace

flow::result<command_line> boot(os& system) {
  if (auto r = mount_file_systems(system); !r) {
    return std::move(r).error();
  }
  auto text = system.read_file("/proc/cmdline");
  if (!text) {
    return std::move(text).error();
  }
  auto parameters = parse_command_line(text.value());
  if (!parameters || parameters.value().probe) {
    return parameters;
  }
  if (auto r = load_modules(system); !r) {
    return std::move(r).error();
  }
  // Containers that share the guest's own network expect it, as in one of their own.
  if (auto r = system.bring_up("lo"); !r) {
    return std::move(r).error();
  }
  if (auto r = mount_share(system); !r) {
    return std::move(r).error();
  }
  if (auto r = prepare_cgroups(system); !r) {
    return std::move(r).error();
  }
  return parameters;
}

}  // namespace agent
