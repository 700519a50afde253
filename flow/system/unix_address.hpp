// The path of a unix socket in the form that system calls take.
//
// The stream library has its own form (flow/detail/socket.hpp): it is installed, uses nothing from
// here, and reaches a path that is too long through a descriptor of its directory.
#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include <string>

#include "flow/error.hpp"

namespace flow {

// The address of the socket at `path`: 1 to 107 bytes, none of them 0. ENAMETOOLONG if it is
// longer, otherwise errc::invalid_argument.
result<sockaddr_un> to_unix_address(const std::string& path);

// `address` in the form that bind(2) and connect(2) take; valid as long as `address` is.
inline const sockaddr* generic(const sockaddr_un& address) noexcept {
  return reinterpret_cast<const sockaddr*>(&address);
}

}  // namespace flow
