// Shows whether the shim of a sandbox is alive: it holds the lock for as long as it lives.
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>

#include "flow/error.hpp"
#include "flow/unique_fd.hpp"

namespace shim {

// Creates the sandbox's directory, and the state directory above it, if missing, and takes its
// lock. Nullopt if another process still holds it after `wait`.
flow::result<std::optional<flow::unique_fd>> lock_sandbox(const std::filesystem::path& directory,
                                                          std::chrono::milliseconds wait);

// As above, but creates nothing: ENOENT if the sandbox's directory does not exist.
flow::result<std::optional<flow::unique_fd>> lock_left_sandbox(
    const std::filesystem::path& directory, std::chrono::milliseconds wait);

// Removes everything a sandbox has left in the file system. The caller must hold its lock.
void remove_sandbox_directory(const std::filesystem::path& directory);

}  // namespace shim
