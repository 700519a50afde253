// SHA-256, with which containerd's own shims name their sockets.
#pragma once

#include <string>
#include <string_view>

namespace shim {

// 64 lower-case hexadecimal digits.
std::string sha256_hex(std::string_view text);

}  // namespace shim
