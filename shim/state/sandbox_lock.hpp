// Says whether the shim of a sandbox lives: it holds the lock for as long as it does.
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>

#include "flow/error.hpp"
#include "flow/unique_fd.hpp"

namespace shim {

// Creates the sandbox's directory, with the state directory above it, if it is missing, and takes
// its lock. Nothing if another process holds it, still after `wait`.
flow::result<std::optional<flow::unique_fd>> lock_sandbox(const std::filesystem::path& directory,
                                                          std::chrono::milliseconds wait);

// As above for a sandbox that may be there: nothing is created, and ENOENT if it is not.
flow::result<std::optional<flow::unique_fd>> lock_left_sandbox(
    const std::filesystem::path& directory, std::chrono::milliseconds wait);

// Removes what a sandbox has left in the file system. Its lock is held by the caller.
void remove_sandbox_directory(const std::filesystem::path& directory);

}  // namespace shim
