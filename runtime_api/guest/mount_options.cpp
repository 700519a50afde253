#include "runtime_api/guest/mount_options.hpp"

#include <sys/mount.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace flow {
namespace {

struct known_option {
  std::string_view name;
  unsigned long flag;
  bool clears;
};

constexpr std::array known_options{
    known_option{"async", MS_SYNCHRONOUS, true},
    known_option{"atime", MS_NOATIME, true},
    known_option{"bind", MS_BIND, false},
    known_option{"defaults", 0, false},
    known_option{"dev", MS_NODEV, true},
    known_option{"diratime", MS_NODIRATIME, true},
    known_option{"dirsync", MS_DIRSYNC, false},
    known_option{"exec", MS_NOEXEC, true},
    known_option{"mand", MS_MANDLOCK, false},
    known_option{"noatime", MS_NOATIME, false},
    known_option{"nodev", MS_NODEV, false},
    known_option{"nodiratime", MS_NODIRATIME, false},
    known_option{"noexec", MS_NOEXEC, false},
    known_option{"nomand", MS_MANDLOCK, true},
    known_option{"norelatime", MS_RELATIME, true},
    known_option{"nostrictatime", MS_STRICTATIME, true},
    known_option{"nosuid", MS_NOSUID, false},
    known_option{"rbind", MS_BIND | MS_REC, false},
    known_option{"relatime", MS_RELATIME, false},
    known_option{"remount", MS_REMOUNT, false},
    known_option{"ro", MS_RDONLY, false},
    known_option{"rw", MS_RDONLY, true},
    known_option{"strictatime", MS_STRICTATIME, false},
    known_option{"suid", MS_NOSUID, true},
    known_option{"sync", MS_SYNCHRONOUS, false},
};

}  // namespace

mount_arguments parse_mount_options(const std::vector<std::string>& options) {
  mount_arguments parsed;
  for (const auto& option : options) {
    const auto* known = std::find_if(known_options.begin(), known_options.end(),
                                     [&](const auto& k) { return k.name == option; });
    if (known != known_options.end()) {
      parsed.flags = known->clears ? parsed.flags & ~known->flag : parsed.flags | known->flag;
    } else {
      if (!parsed.data.empty()) {
        parsed.data += ',';
      }
      parsed.data += option;
    }
  }
  return parsed;
}

}  // namespace flow
