// Reads and writes whole small files.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "flow/error.hpp"

namespace flow {

// The content of `path`; errc::invalid_argument if it is longer than `most` bytes.
result<std::string> read_file(const std::string& path, std::size_t most = std::size_t{64} << 20U);

// Creates or overwrites `path`; mode 0644 if it is created.
result<void> write_file(const std::string& path, std::string_view text);

}  // namespace flow
