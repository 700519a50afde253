#include "agent/boot/boot.hpp"

#include "agent/boot/file_systems.hpp"
#include "agent/storage/modules.hpp"

namespace agent {
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
  if (auto r = load_boot_modules(system); !r) {
    return std::move(r).error();
  }
  // Containers in the guest's own network namespace expect it to be up, as in a new one.
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
