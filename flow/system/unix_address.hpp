// The path of a unix socket as the system calls take it.
//
// The stream library has a form of its own (flow/detail/socket.hpp): it is installed, uses nothing
// from here, and reaches a path that is too long through a descriptor of its directory.
#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include <string>

#include "flow/error.hpp"

namespace flow {

// The address of the socket at `path`: 1 to 107 bytes, none of them 0. ENAMETOOLONG if it is
// longer, else errc::invalid_argument.
result<sockaddr_un> to_unix_address(const std::string& path);

// As bind(2) and connect(2) take `address`; valid for as long as that is.
inline const sockaddr* generic(const sockaddr_un& address) noexcept {
  return reinterpret_cast<const sockaddr*>(&address);
}

}  // namespace flow
