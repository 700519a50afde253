// Options of a file system, as a mount table or containerd writes them, for mount(2).
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace flow {

// What mount(2) takes as data, the final zero included; what is longer, it would cut off.
inline constexpr std::size_t max_mount_data = 4096;

struct mount_arguments {
  unsigned long flags = 0;
  std::string data;
};

// Flags for the options that are some ("ro", and "rw", which takes it back), and the others joined
// with commas as data.
mount_arguments parse_mount_options(const std::vector<std::string>& options);

}  // namespace flow
