// Options of a file system, in the form of a mount table or of containerd, converted for mount(2).
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace flow {

// The maximum length of mount(2)'s data, including the final zero; it would truncate longer data.
inline constexpr std::size_t max_mount_data = 4096;

struct mount_arguments {
  unsigned long flags = 0;
  std::string data;
};

// Options that are flags (such as "ro", and "rw", which clears it) as flags; the others, joined
// with commas, as data.
mount_arguments parse_mount_options(const std::vector<std::string>& options);

}  // namespace flow
