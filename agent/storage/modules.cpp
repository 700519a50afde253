#include "agent/storage/modules.hpp"

namespace agent {

using flow::result;

namespace {

// As in deploy/guest-image/build, which numbers the modules in loading order.
const std::string boot_directory = "/usr/lib/hvsock/modules";
const std::string group_directory = "/usr/lib/hvsock/module-groups";

result<void> load_all(os& system, const std::string& directory,
                      const std::vector<std::string>& names) {
  for (const auto& name : names) {
    std::string path = directory;
    path.append("/").append(name);
    if (auto loaded = system.load_module(path); !loaded) {
      return loaded;
    }
  }
  return {};
}

}  // namespace

result<void> load_boot_modules(os& system) {
  const auto names = system.list_directory(boot_directory);
  if (!names) {
    return names.error();
  }
  return load_all(system, boot_directory, names.value());
}

result<void> load_module_group(os& system, const std::string& group) {
  const std::string directory = group_directory + "/" + group;
  const auto names = system.list_directory(directory);
  return names ? load_all(system, directory, names.value()) : result<void>();
}

}  // namespace agent
